// platform_sensor.h on an I2S microphone of an ESP32 (INMP441, ICS-43434, SPH0645), by the library
// ESP_I2S of Espressif's core, from 3.0 on. A task of its own waits for the DMA's buffers.
#include <Arduino.h>
#include <ESP_I2S.h>

#include "platform_sensor.h"

#ifndef MICROPHONE_BCLK
#error "name the pins: -DMICROPHONE_BCLK=.. -DMICROPHONE_WS=.. -DMICROPHONE_DATA=.."
#endif
#ifndef MICROPHONE_SLOT
#define MICROPHONE_SLOT I2S_STD_SLOT_LEFT  // its pin L/R is low
#endif
#ifndef MICROPHONE_SHIFT
#define MICROPHONE_SHIFT 14  // from 32 bits to 16: four times louder than its upper half
#endif

namespace {

I2SClass g_i2s;
sensor_callback g_on_values = nullptr;
int32_t g_words[256];
int16_t g_samples[256];

int16_t Sample(int32_t word) {
  const int32_t sample = word >> MICROPHONE_SHIFT;
  return static_cast<int16_t>(sample > INT16_MAX   ? INT16_MAX
                              : sample < INT16_MIN ? INT16_MIN
                                                   : sample);
}

void Deliver() {
  const size_t n = g_i2s.readBytes(reinterpret_cast<char*>(g_words), sizeof(g_words));
  const size_t count = n / sizeof(*g_words);
  for (size_t i = 0; i < count; ++i) g_samples[i] = Sample(g_words[i]);
  g_on_values(g_samples, count);
}

void Task(void* /*unused*/) {
  for (;;) Deliver();
}

}  // namespace

const char* sensor_begin(uint32_t rate_hz, unsigned /*axes*/, sensor_callback on_values) {
  g_on_values = on_values;
  g_i2s.setPins(MICROPHONE_BCLK, MICROPHONE_WS, -1, MICROPHONE_DATA);
  if (!g_i2s.begin(I2S_MODE_STD, rate_hz, I2S_DATA_BIT_WIDTH_32BIT, I2S_SLOT_MODE_MONO,
                   MICROPHONE_SLOT)) {
    return "the I2S microphone does not start";
  }
  if (xTaskCreate(Task, "microphone", 3072, nullptr, 5, nullptr) != pdPASS) {
    return "there is no memory for the microphone's task";
  }
  return nullptr;
}

void sensor_poll(void) {}

uint32_t sensor_missed(void) { return 0; }
