// An MPU6050 at the board's own I2C pins, by Wire alone.
#include <Arduino.h>
#include <Wire.h>

#include "platform.h"
#include "platform_sensor.h"
#include "sensor_schedule.h"

#ifndef MOTION_ADDRESS
#define MOTION_ADDRESS 0x68  // its pin AD0 is low
#endif

namespace {

bool BusBegin() {
  Wire.begin();
  return true;
}

bool BusWrite(uint8_t reg, uint8_t value) {
  Wire.beginTransmission(MOTION_ADDRESS);
  Wire.write(reg);
  Wire.write(value);
  return Wire.endTransmission() == 0;
}

bool BusRead(uint8_t reg, uint8_t* bytes, size_t n) {
  Wire.beginTransmission(MOTION_ADDRESS);
  Wire.write(reg);
  if (Wire.endTransmission(false) != 0) return false;
  if (Wire.requestFrom(MOTION_ADDRESS, static_cast<int>(n)) != n) return false;
  for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<uint8_t>(Wire.read());
  return true;
}

}  // namespace

#include "mpu6050.inc"
