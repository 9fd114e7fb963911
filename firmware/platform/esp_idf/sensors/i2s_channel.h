// A microphone on I2S with ESP-IDF: a task of its own waits for the DMA's buffers.
#pragma once

#include <driver/i2s_common.h>
#include <freertos/FreeRTOS.h>
#include <freertos/task.h>

#include "platform_sensor.h"

namespace i2s_channel {

constexpr uint32_t kForEver = 0xffffffff;
constexpr uint32_t kStackBytes = 3072;
constexpr UBaseType_t kPriority = 5;

// Returns a channel that receives; null where there is none.
inline i2s_chan_handle_t New(i2s_port_t port) {
  i2s_chan_config_t config = I2S_CHANNEL_DEFAULT_CONFIG(port, I2S_ROLE_MASTER);
  i2s_chan_handle_t channel = nullptr;
  return i2s_new_channel(&config, nullptr, &channel) == ESP_OK ? channel : nullptr;
}

// Starts a channel that is set up, and a task that hands its values on. Returns a null pointer, or
// why it does not run.
inline const char* Start(i2s_chan_handle_t channel, TaskFunction_t task) {
  if (i2s_channel_enable(channel) != ESP_OK) return "the microphone does not start";
  if (xTaskCreate(task, "microphone", kStackBytes, nullptr, kPriority, nullptr) != pdPASS) {
    return "there is no memory for the microphone's task";
  }
  return nullptr;
}

}  // namespace i2s_channel
