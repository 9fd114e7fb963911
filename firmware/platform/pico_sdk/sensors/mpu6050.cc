// An MPU6050 at the board's own I2C pins with the Pico SDK.
#include <hardware/gpio.h>
#include <hardware/i2c.h>
#include <pico/stdlib.h>

#include "platform.h"
#include "platform_sensor.h"
#include "sensor_schedule.h"

#ifndef PICO_DEFAULT_I2C
#error "the board has no I2C of its own: set PICO_DEFAULT_I2C and its pins"
#endif
#ifndef MOTION_ADDRESS
#define MOTION_ADDRESS 0x68  // its pin AD0 is low
#endif

namespace {

constexpr uint kBusHz = 400000;
constexpr uint kPatienceUs = 10000;

bool BusBegin() {
  i2c_init(i2c_default, kBusHz);
  gpio_set_function(PICO_DEFAULT_I2C_SDA_PIN, GPIO_FUNC_I2C);
  gpio_set_function(PICO_DEFAULT_I2C_SCL_PIN, GPIO_FUNC_I2C);
  gpio_pull_up(PICO_DEFAULT_I2C_SDA_PIN);
  gpio_pull_up(PICO_DEFAULT_I2C_SCL_PIN);
  return true;
}

bool Send(const uint8_t* bytes, size_t n, bool goes_on) {
  return i2c_write_timeout_us(i2c_default, MOTION_ADDRESS, bytes, n, goes_on, kPatienceUs) ==
         static_cast<int>(n);
}

bool BusWrite(uint8_t reg, uint8_t value) {
  const uint8_t bytes[] = {reg, value};
  return Send(bytes, sizeof(bytes), false);
}

bool BusRead(uint8_t reg, uint8_t* bytes, size_t n) {
  return Send(&reg, 1, true) && i2c_read_timeout_us(i2c_default, MOTION_ADDRESS, bytes, n, false,
                                                    kPatienceUs) == static_cast<int>(n);
}

}  // namespace

#include "mpu6050.inc"
