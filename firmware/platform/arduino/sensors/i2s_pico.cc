// platform_sensor.h on an I2S microphone of a Pico (INMP441, ICS-43434, SPH0645), by the library
// I2S of Earle Philhower's core. It calls from the DMA's interrupt. The word select follows the
// clock's pin.
#include <Arduino.h>
#include <I2S.h>

#include "platform_sensor.h"

#ifndef MICROPHONE_BCLK
#error "name the pins: -DMICROPHONE_BCLK=.. -DMICROPHONE_DATA=.."
#endif
#ifndef MICROPHONE_SLOT
#define MICROPHONE_SLOT 0  // 0: left, its pin L/R is low; 1: right
#endif
#ifndef MICROPHONE_SHIFT
#define MICROPHONE_SHIFT 14  // from 32 bits to 16: four times louder than its upper half
#endif

namespace {

I2S g_i2s(INPUT);
sensor_callback g_on_values = nullptr;
int16_t g_samples[64];
int g_slot = 0;  // of the next word: left and right take turns

int16_t Sample(int32_t word) {
  const int32_t sample = word >> MICROPHONE_SHIFT;
  return static_cast<int16_t>(sample > INT16_MAX   ? INT16_MAX
                              : sample < INT16_MIN ? INT16_MIN
                                                   : sample);
}

void OnReceive() {
  size_t count = 0;
  for (int32_t word; g_i2s.read(&word, false);) {
    if (g_slot == MICROPHONE_SLOT) g_samples[count++] = Sample(word);
    g_slot ^= 1;
    if (count == sizeof(g_samples) / sizeof(*g_samples)) {
      g_on_values(g_samples, count);
      count = 0;
    }
  }
  if (count > 0) g_on_values(g_samples, count);
}

}  // namespace

const char* sensor_begin(uint32_t rate_hz, unsigned /*axes*/, sensor_callback on_values) {
  g_on_values = on_values;
  g_i2s.setBCLK(MICROPHONE_BCLK);
  g_i2s.setDATA(MICROPHONE_DATA);
  g_i2s.setBitsPerSample(32);
  g_i2s.setBuffers(8, 128);
  g_i2s.onReceive(OnReceive);
  return g_i2s.begin(static_cast<long>(rate_hz)) ? nullptr : "the I2S microphone does not start";
}

void sensor_poll(void) {}

uint32_t sensor_missed(void) { return 0; }
