// An MPU6050 on I2C with ESP-IDF.
#include <driver/i2c_master.h>

#include "platform.h"
#include "platform_sensor.h"
#include "sensor_schedule.h"

#ifndef MOTION_SDA
#error "name the pins: -DMOTION_SDA=.. -DMOTION_SCL=.."
#endif
#ifndef MOTION_ADDRESS
#define MOTION_ADDRESS 0x68  // its pin AD0 is low
#endif

namespace {

constexpr uint32_t kBusHz = 400000;
constexpr int kPatienceMs = 10;

i2c_master_dev_handle_t g_device = nullptr;

bool BusBegin() {
  i2c_master_bus_config_t bus = {};
  bus.i2c_port = -1;  // any
  bus.sda_io_num = static_cast<gpio_num_t>(MOTION_SDA);
  bus.scl_io_num = static_cast<gpio_num_t>(MOTION_SCL);
  bus.clk_source = I2C_CLK_SRC_DEFAULT;
  bus.glitch_ignore_cnt = 7;
  bus.flags.enable_internal_pullup = true;
  i2c_device_config_t device = {};
  device.dev_addr_length = I2C_ADDR_BIT_LEN_7;
  device.device_address = MOTION_ADDRESS;
  device.scl_speed_hz = kBusHz;
  i2c_master_bus_handle_t handle = nullptr;
  return i2c_new_master_bus(&bus, &handle) == ESP_OK &&
         i2c_master_bus_add_device(handle, &device, &g_device) == ESP_OK;
}

bool BusWrite(uint8_t reg, uint8_t value) {
  const uint8_t bytes[] = {reg, value};
  return i2c_master_transmit(g_device, bytes, sizeof(bytes), kPatienceMs) == ESP_OK;
}

bool BusRead(uint8_t reg, uint8_t* bytes, size_t n) {
  return i2c_master_transmit_receive(g_device, &reg, 1, bytes, n, kPatienceMs) == ESP_OK;
}

}  // namespace

#include "mpu6050.inc"
