// platform_sensor.h on an LSM6DS3, by the library Seeed Arduino LSM6DS3.
#include <Arduino.h>
#include <LSM6DS3.h>

#include "platform.h"
#include "platform_sensor.h"
#include "sensor_schedule.h"

#ifndef MOTION_ADDRESS
#define MOTION_ADDRESS 0x6A
#endif

namespace {

LSM6DS3 g_imu(I2C_MODE, MOTION_ADDRESS);
sensor_callback g_on_values = nullptr;
unsigned g_axes = 3;
SensorSchedule g_schedule;

}  // namespace

const char* sensor_begin(uint32_t rate_hz, unsigned axes, sensor_callback on_values) {
  g_on_values = on_values;
  g_axes = axes;
  if (g_imu.begin() != 0) return "the motion sensor does not answer";
  if (rate_hz > 416) return "the motion sensor measures less often than the model needs";
  g_schedule.Begin(rate_hz, platform_micros());
  return nullptr;
}

void sensor_poll(void) {
  if (!g_schedule.IsDue(platform_micros())) return;
  int16_t values[6] = {SensorCounts(g_imu.readFloatAccelX(), kCountsPerG),
                       SensorCounts(g_imu.readFloatAccelY(), kCountsPerG),
                       SensorCounts(g_imu.readFloatAccelZ(), kCountsPerG)};
  if (g_axes > 3) {
    values[3] = SensorCounts(g_imu.readFloatGyroX(), kCountsPerDegree);
    values[4] = SensorCounts(g_imu.readFloatGyroY(), kCountsPerDegree);
    values[5] = SensorCounts(g_imu.readFloatGyroZ(), kCountsPerDegree);
  }
  g_on_values(values, g_axes);
}

uint32_t sensor_missed(void) { return g_schedule.Missed(); }
