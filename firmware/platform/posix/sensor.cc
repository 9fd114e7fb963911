// platform_sensor.h on POSIX: a file in place of the sensor, in virtual time.
#include <stdio.h>

#include "platform_sensor.h"
#include "posix.h"

namespace {

FILE* g_values = nullptr;  // int16_t, little-endian, as they come from the sensor
FILE* g_trace = nullptr;
size_t g_block = 1;  // values that come at once
unsigned g_axes = 1;

sensor_callback g_on_values = nullptr;
uint32_t g_rate_hz = 1;
uint64_t g_moments = 0;
unsigned g_rest = 0;  // passes of loop() after the end, which work off what is queued

constexpr size_t kMostValues = 1024;
constexpr unsigned kRest = 256;

}  // namespace

bool posix_feed(const char* values, const char* trace, unsigned axes, unsigned moments) {
  g_values = fopen(values, "rb");
  g_trace = fopen(trace, "w");
  g_axes = axes;
  g_block = size_t{axes} * (moments > 0 ? moments : 1);
  g_rest = kRest;
  return g_values != nullptr && g_trace != nullptr && g_block > 0 && g_block <= kMostValues;
}

bool posix_is_fed() { return g_values != nullptr; }

uint64_t posix_fed_micros() { return g_moments * 1000000 / g_rate_hz; }

bool posix_feed_next() {
  int16_t values[kMostValues];
  const size_t n = g_on_values == nullptr ? 0 : fread(values, sizeof(*values), g_block, g_values);
  if (n > 0) {
    g_moments += n / g_axes;
    g_on_values(values, n);
    return true;
  }
  if (g_on_values != nullptr && g_rest-- > 0) return true;
  static_cast<void>(fflush(g_trace));
  return false;
}

const char* sensor_begin(uint32_t rate_hz, unsigned /*axes*/, sensor_callback on_values) {
  if (g_values == nullptr) return "there is no sensor here (microgen simulate --input has one)";
  g_rate_hz = rate_hz;
  g_on_values = on_values;
  return nullptr;
}

void sensor_poll(void) {}

uint32_t sensor_missed(void) { return 0; }

void sensor_trace(const char* what, uint32_t position, const void* bytes, size_t n) {
  if (g_trace == nullptr) return;
  static_cast<void>(fprintf(g_trace, "%s %lu ", what, static_cast<unsigned long>(position)));
  for (size_t i = 0; i < n; ++i) {
    static_cast<void>(fprintf(g_trace, "%02x", static_cast<const unsigned char*>(bytes)[i]));
  }
  static_cast<void>(fputc('\n', g_trace));
}
