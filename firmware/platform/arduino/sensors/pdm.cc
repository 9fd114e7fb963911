// platform_sensor.h on a PDM microphone, by the library PDM of Arduino's mbed boards. It filters to
// 16-bit samples and calls from an interrupt.
#include <PDM.h>

#include "platform_sensor.h"

#ifndef MICROPHONE_GAIN
#define MICROPHONE_GAIN (-1)  // the library's
#endif

namespace {

sensor_callback g_on_values = nullptr;
int16_t g_samples[256];

void OnReceive() {
  for (int left = PDM.available(); left > 0;) {
    const int wanted = left < int{sizeof(g_samples)} ? left : int{sizeof(g_samples)};
    const int n = PDM.read(g_samples, static_cast<size_t>(wanted));
    if (n <= 0) return;
    g_on_values(g_samples, static_cast<size_t>(n) / sizeof(*g_samples));
    left -= n;
  }
}

}  // namespace

const char* sensor_begin(uint32_t rate_hz, unsigned /*axes*/, sensor_callback on_values) {
  g_on_values = on_values;
  PDM.onReceive(OnReceive);
  if (!PDM.begin(1, static_cast<int>(rate_hz))) return "the PDM microphone does not start";
  if (MICROPHONE_GAIN >= 0) PDM.setGain(MICROPHONE_GAIN);
  return nullptr;
}

void sensor_poll(void) {}

uint32_t sensor_missed(void) { return 0; }
