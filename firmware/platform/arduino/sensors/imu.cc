// platform_sensor.h on the motion sensor of an Arduino board, by its library: Arduino_LSM9DS1,
// Arduino_BMI270_BMM150 or Arduino_LSM6DSOX, which have the same functions.
#include <Arduino.h>

#include "platform.h"
#include "platform_sensor.h"
#include "sensor_schedule.h"

#if __has_include(<Arduino_LSM9DS1.h>)
#include <Arduino_LSM9DS1.h>
#elif __has_include(<Arduino_BMI270_BMM150.h>)
#include <Arduino_BMI270_BMM150.h>
#else
#include <Arduino_LSM6DSOX.h>
#endif

namespace {

sensor_callback g_on_values = nullptr;
unsigned g_axes = 3;
SensorSchedule g_schedule;

}  // namespace

const char* sensor_begin(uint32_t rate_hz, unsigned axes, sensor_callback on_values) {
  g_on_values = on_values;
  g_axes = axes;
  if (!IMU.begin()) return "the motion sensor does not answer";
  // Its clock may be a few percent off.
  if (IMU.accelerationSampleRate() * 1.1f < static_cast<float>(rate_hz)) {
    return "the motion sensor measures less often than the model needs";
  }
  g_schedule.Begin(rate_hz, platform_micros());
  return nullptr;
}

void sensor_poll(void) {
  if (!g_schedule.IsDue(platform_micros())) return;
  float x, y, z;
  if (!IMU.readAcceleration(x, y, z)) return;
  int16_t values[6] = {SensorCounts(x, kCountsPerG), SensorCounts(y, kCountsPerG),
                       SensorCounts(z, kCountsPerG)};
  if (g_axes > 3) {
    if (!IMU.readGyroscope(x, y, z)) return;
    values[3] = SensorCounts(x, kCountsPerDegree);
    values[4] = SensorCounts(y, kCountsPerDegree);
    values[5] = SensorCounts(z, kCountsPerDegree);
  }
  g_on_values(values, g_axes);
}

uint32_t sensor_missed(void) { return g_schedule.Missed(); }
