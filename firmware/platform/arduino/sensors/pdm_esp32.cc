// platform_sensor.h on a PDM microphone of an ESP32-S3, by the library ESP_I2S of Espressif's core,
// from 3.0 on. A task of its own waits for the DMA's buffers.
#include <Arduino.h>
#include <ESP_I2S.h>

#include "platform_sensor.h"

#ifndef MICROPHONE_CLK
#error "name the pins: -DMICROPHONE_CLK=.. -DMICROPHONE_DATA=.."
#endif

namespace {

I2SClass g_i2s;
sensor_callback g_on_values = nullptr;
int16_t g_samples[256];

void Deliver() {
  const size_t n = g_i2s.readBytes(reinterpret_cast<char*>(g_samples), sizeof(g_samples));
  g_on_values(g_samples, n / sizeof(*g_samples));
}

void Task(void* /*unused*/) {
  for (;;) Deliver();
}

}  // namespace

const char* sensor_begin(uint32_t rate_hz, unsigned /*axes*/, sensor_callback on_values) {
  g_on_values = on_values;
  g_i2s.setPinsPdmRx(MICROPHONE_CLK, MICROPHONE_DATA);
  if (!g_i2s.begin(I2S_MODE_PDM_RX, rate_hz, I2S_DATA_BIT_WIDTH_16BIT, I2S_SLOT_MODE_MONO)) {
    return "the PDM microphone does not start";
  }
  if (xTaskCreate(Task, "microphone", 3072, nullptr, 5, nullptr) != pdPASS) {
    return "there is no memory for the microphone's task";
  }
  return nullptr;
}

void sensor_poll(void) {}

uint32_t sensor_missed(void) { return 0; }
