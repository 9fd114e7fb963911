// platform_sensor.h on a camera of an ESP32 (OV2640), by the library esp32-camera of Espressif's
// core: an image at a time, from which sensor_poll() gives row after row.
#include <Arduino.h>
#include <esp_camera.h>

#include "platform.h"
#include "platform_sensor.h"
#include "sensor_schedule.h"

#ifndef CAMERA_D0
#error "name the pins: -DCAMERA_D0=.. and the others"
#endif

namespace {

struct Size {
  unsigned width;
  unsigned height;
  framesize_t frame;
};
constexpr Size kSizes[] = {{96, 96, FRAMESIZE_96X96},
                           {160, 120, FRAMESIZE_QQVGA},
                           {176, 144, FRAMESIZE_QCIF},
                           {240, 240, FRAMESIZE_240X240},
                           {320, 240, FRAMESIZE_QVGA}};
constexpr unsigned kWidest = 320;

sensor_callback g_on_values = nullptr;
SensorSchedule g_schedule;
const Size* g_size = nullptr;
camera_fb_t* g_image = nullptr;  // whose rows are given
unsigned g_row = 0;

camera_config_t Config() {
  camera_config_t config = {};
  config.pin_d0 = CAMERA_D0;
  config.pin_d1 = CAMERA_D1;
  config.pin_d2 = CAMERA_D2;
  config.pin_d3 = CAMERA_D3;
  config.pin_d4 = CAMERA_D4;
  config.pin_d5 = CAMERA_D5;
  config.pin_d6 = CAMERA_D6;
  config.pin_d7 = CAMERA_D7;
  config.pin_xclk = CAMERA_XCLK;
  config.pin_pclk = CAMERA_PCLK;
  config.pin_vsync = CAMERA_VSYNC;
  config.pin_href = CAMERA_HREF;
  config.pin_sccb_sda = CAMERA_SDA;
  config.pin_sccb_scl = CAMERA_SCL;
  config.pin_pwdn = CAMERA_POWER_DOWN;
  config.pin_reset = -1;
  config.xclk_freq_hz = 20000000;
  config.ledc_timer = LEDC_TIMER_0;
  config.ledc_channel = LEDC_CHANNEL_0;
  config.pixel_format = PIXFORMAT_RGB565;
  config.frame_size = g_size->frame;
  config.fb_count = 1;
  config.fb_location = CAMERA_FB_IN_PSRAM;
  config.grab_mode = CAMERA_GRAB_LATEST;
  return config;
}

bool IsWhole(const camera_fb_t* image) {
  return image->width == g_size->width && image->height == g_size->height &&
         image->len >= size_t{2} * g_size->width * g_size->height;
}

void GiveRow() {
  static int16_t values[1 + kWidest];
  const uint8_t* bytes = g_image->buf + size_t{2} * g_size->width * g_row;
  values[0] = static_cast<int16_t>(g_row);
  // The higher byte comes first.
  for (unsigned x = 0; x < g_size->width; ++x, bytes += 2) {
    values[1 + x] = static_cast<int16_t>(bytes[0] << 8 | bytes[1]);
  }
  g_on_values(values, 1 + g_size->width);
}

}  // namespace

const char* sensor_begin(uint32_t rate_hz, unsigned axes, sensor_callback on_values) {
  g_on_values = on_values;
  g_size = nullptr;
  for (const Size& size : kSizes) {
    if (size.width + 1 == axes) g_size = &size;
  }
  if (g_size == nullptr || rate_hz % g_size->height != 0) {
    return "the camera has images of 96x96, 160x120, 176x144, 240x240 and 320x240";
  }
  const camera_config_t config = Config();
  if (esp_camera_init(&config) != ESP_OK) return "the camera does not start";
  g_schedule.Begin(rate_hz / g_size->height, platform_micros());
  return nullptr;
}

void sensor_poll(void) {
  if (g_image == nullptr) {
    if (!g_schedule.IsDue(platform_micros())) return;
    g_image = esp_camera_fb_get();
    if (g_image == nullptr) return;
    g_row = 0;
  }
  if (IsWhole(g_image)) GiveRow();
  if (++g_row < g_size->height && IsWhole(g_image)) return;
  esp_camera_fb_return(g_image);
  g_image = nullptr;
}

uint32_t sensor_missed(void) {
  return g_size == nullptr ? 0 : g_schedule.Missed() * g_size->height;
}
