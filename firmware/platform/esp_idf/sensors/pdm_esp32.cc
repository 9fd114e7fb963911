// platform_sensor.h on a PDM microphone of an ESP32-S3 with ESP-IDF; its first I2S port alone turns
// PDM into samples.
#include <driver/i2s_pdm.h>

#include "i2s_channel.h"
#include "platform_sensor.h"

#ifndef MICROPHONE_CLK
#error "name the pins: -DMICROPHONE_CLK=.. -DMICROPHONE_DATA=.."
#endif

namespace {

i2s_chan_handle_t g_channel = nullptr;
sensor_callback g_on_values = nullptr;
int16_t g_samples[256];

void Deliver() {
  size_t n = 0;
  if (i2s_channel_read(g_channel, g_samples, sizeof(g_samples), &n, i2s_channel::kForEver) ==
      ESP_OK) {
    g_on_values(g_samples, n / sizeof(*g_samples));
  }
}

void Task(void* /*unused*/) {
  for (;;) Deliver();
}

}  // namespace

const char* sensor_begin(uint32_t rate_hz, unsigned /*axes*/, sensor_callback on_values) {
  g_on_values = on_values;
  g_channel = i2s_channel::New(I2S_NUM_0);
  i2s_pdm_rx_config_t config = {};
  config.clk_cfg = I2S_PDM_RX_CLK_DEFAULT_CONFIG(rate_hz);
  config.slot_cfg =
      I2S_PDM_RX_SLOT_PCM_FMT_DEFAULT_CONFIG(I2S_DATA_BIT_WIDTH_16BIT, I2S_SLOT_MODE_MONO);
  config.gpio_cfg.clk = static_cast<gpio_num_t>(MICROPHONE_CLK);
  config.gpio_cfg.din = static_cast<gpio_num_t>(MICROPHONE_DATA);
  if (g_channel == nullptr || i2s_channel_init_pdm_rx_mode(g_channel, &config) != ESP_OK) {
    return "the PDM microphone does not start";
  }
  return i2s_channel::Start(g_channel, Task);
}

void sensor_poll(void) {}

uint32_t sensor_missed(void) { return 0; }
