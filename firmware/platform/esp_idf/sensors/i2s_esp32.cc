// platform_sensor.h on an I2S microphone (INMP441, ICS-43434, SPH0645) with ESP-IDF.
#include <driver/i2s_std.h>

#include "i2s_channel.h"
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

i2s_chan_handle_t g_channel = nullptr;
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
  size_t n = 0;
  if (i2s_channel_read(g_channel, g_words, sizeof(g_words), &n, i2s_channel::kForEver) != ESP_OK) {
    return;
  }
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
  g_channel = i2s_channel::New(I2S_NUM_AUTO);
  i2s_std_config_t config = {};
  config.clk_cfg = I2S_STD_CLK_DEFAULT_CONFIG(rate_hz);
  config.slot_cfg =
      I2S_STD_PHILIPS_SLOT_DEFAULT_CONFIG(I2S_DATA_BIT_WIDTH_32BIT, I2S_SLOT_MODE_MONO);
  config.slot_cfg.slot_mask = MICROPHONE_SLOT;
  config.gpio_cfg.mclk = I2S_GPIO_UNUSED;
  config.gpio_cfg.bclk = static_cast<gpio_num_t>(MICROPHONE_BCLK);
  config.gpio_cfg.ws = static_cast<gpio_num_t>(MICROPHONE_WS);
  config.gpio_cfg.dout = I2S_GPIO_UNUSED;
  config.gpio_cfg.din = static_cast<gpio_num_t>(MICROPHONE_DATA);
  if (g_channel == nullptr || i2s_channel_init_std_mode(g_channel, &config) != ESP_OK) {
    return "the I2S microphone does not start";
  }
  return i2s_channel::Start(g_channel, Task);
}

void sensor_poll(void) {}

uint32_t sensor_missed(void) { return 0; }
