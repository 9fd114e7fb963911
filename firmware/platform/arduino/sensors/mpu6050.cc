// platform_sensor.h on an MPU6050 at the board's own I2C pins, by Wire alone.
#include <Arduino.h>
#include <Wire.h>

#include "platform.h"
#include "platform_sensor.h"
#include "sensor_schedule.h"

#ifndef MOTION_ADDRESS
#define MOTION_ADDRESS 0x68  // its pin AD0 is low
#endif

namespace {

constexpr uint8_t kGyroConfig = 0x1B;
constexpr uint8_t kAccelConfig = 0x1C;
constexpr uint8_t kAccelX = 0x3B;  // then y and z, the temperature, and the rotation
constexpr uint8_t kPower = 0x6B;
constexpr size_t kBytes = 14;

sensor_callback g_on_values = nullptr;
unsigned g_axes = 3;
SensorSchedule g_schedule;

bool Write(uint8_t reg, uint8_t value) {
  Wire.beginTransmission(MOTION_ADDRESS);
  Wire.write(reg);
  Wire.write(value);
  return Wire.endTransmission() == 0;
}

}  // namespace

const char* sensor_begin(uint32_t rate_hz, unsigned axes, sensor_callback on_values) {
  g_on_values = on_values;
  g_axes = axes;
  Wire.begin();
  // Awake; 8 g and 2000 degrees a second, whose counts are those of platform_sensor.h, or nearly.
  if (!Write(kPower, 0) || !Write(kAccelConfig, 0x10) || !Write(kGyroConfig, 0x18)) {
    return "the MPU6050 does not answer";
  }
  if (rate_hz > 1000) return "the motion sensor measures less often than the model needs";
  g_schedule.Begin(rate_hz, platform_micros());
  return nullptr;
}

void sensor_poll(void) {
  if (!g_schedule.IsDue(platform_micros())) return;
  Wire.beginTransmission(MOTION_ADDRESS);
  Wire.write(kAccelX);
  if (Wire.endTransmission(false) != 0) return;
  if (Wire.requestFrom(MOTION_ADDRESS, static_cast<int>(kBytes)) != kBytes) return;
  int16_t words[kBytes / 2];
  for (int16_t& word : words) {
    const int high = Wire.read();
    word = static_cast<int16_t>(high << 8 | Wire.read());
  }
  int16_t values[6] = {words[0], words[1], words[2]};
  // 16.4 counts of its are a degree a second.
  for (int i = 0; i < 3; ++i) values[3 + i] = static_cast<int16_t>(words[4 + i] * 40 / 41);
  g_on_values(values, g_axes);
}

uint32_t sensor_missed(void) { return g_schedule.Missed(); }
