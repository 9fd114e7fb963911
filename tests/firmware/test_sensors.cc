// The drivers of sensors, against stand-ins for the libraries that they call.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "Arduino_LSM9DS1.h"
#include "ESP_I2S.h"
#include "I2S.h"
#include "LSM6DS3.h"
#include "PDM.h"
#include "Wire.h"
#include "esp_camera.h"
#include "platform.h"
#include "platform_sensor.h"
#include "sensor_schedule.h"

namespace pdm {
#include "../../firmware/platform/arduino/sensors/pdm.cc"
}
namespace i2s_pico {
#define MICROPHONE_BCLK 26
#define MICROPHONE_DATA 28
#include "../../firmware/platform/arduino/sensors/i2s_pico.cc"
}  // namespace i2s_pico
#undef MICROPHONE_SLOT
namespace i2s_esp32 {
#define MICROPHONE_WS 27
#include "../../firmware/platform/arduino/sensors/i2s_esp32.cc"
}  // namespace i2s_esp32
namespace pdm_esp32 {
#define MICROPHONE_CLK 42
#include "../../firmware/platform/arduino/sensors/pdm_esp32.cc"
}  // namespace pdm_esp32
namespace imu {
#include "../../firmware/platform/arduino/sensors/imu.cc"
}  // namespace imu
namespace lsm6ds3 {
#include "../../firmware/platform/arduino/sensors/lsm6ds3.cc"
}
#undef MOTION_ADDRESS
namespace mpu6050 {
#include "../../firmware/platform/arduino/sensors/mpu6050.cc"
}
namespace esp_camera {
#define CAMERA_D0 0
#define CAMERA_D1 1
#define CAMERA_D2 2
#define CAMERA_D3 3
#define CAMERA_D4 4
#define CAMERA_D5 5
#define CAMERA_D6 6
#define CAMERA_D7 7
#define CAMERA_XCLK 8
#define CAMERA_PCLK 9
#define CAMERA_VSYNC 10
#define CAMERA_HREF 11
#define CAMERA_SDA 12
#define CAMERA_SCL 13
#define CAMERA_POWER_DOWN 14
#include "../../firmware/platform/arduino/sensors/esp_camera.cc"
}  // namespace esp_camera

namespace {

uint64_t g_now_us = 0;

std::vector<int16_t> g_given;
void OnValues(const int16_t* values, size_t count) {
  g_given.insert(g_given.end(), values, values + count);
}
std::vector<int16_t> Given() { return std::exchange(g_given, std::vector<int16_t>()); }

template <class T>
std::vector<uint8_t> Bytes(const std::vector<T>& values) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
  return std::vector<uint8_t>(bytes, bytes + values.size() * sizeof(T));
}

std::vector<int16_t> Ramp(size_t n) {
  std::vector<int16_t> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = static_cast<int16_t>(77 * i - 9000);
  return values;
}

}  // namespace

TEST_CASE("PDM by Arduino's library") {
  REQUIRE(pdm::sensor_begin(16000, 1, OnValues) == nullptr);
  CHECK(PDM.channels_ == 1);
  CHECK(PDM.rate_ == 16000);
  CHECK(PDM.gain_ == 0);
  PDM.bytes_ = Bytes(Ramp(700));
  PDM.received_();
  CHECK(Given() == Ramp(700));
  PDM.received_();
  CHECK(Given().empty());
  PDM.starts_ = 0;
  CHECK(pdm::sensor_begin(16000, 1, OnValues) != nullptr);
  pdm::sensor_poll();
}

TEST_CASE("I2S on a Pico: one of two slots, made 16 bits") {
  I2S& i2s = *I2S::last;
  REQUIRE(i2s_pico::sensor_begin(16000, 1, OnValues) == nullptr);
  CHECK(i2s.direction_ == INPUT);
  CHECK(std::vector<long>{i2s.bclk_, i2s.data_, i2s.bits_, i2s.rate_} ==
        std::vector<long>{26, 28, 32, 16000});
  std::vector<int16_t> expected;
  for (int i = 0; i < 100; ++i) {
    i2s.words_.push_back((i - 50) * (1 << 16));
    i2s.words_.push_back(0x12345678);
    expected.push_back(static_cast<int16_t>((i - 50) * 4));
  }
  i2s.words_.push_back(INT32_MAX);
  i2s.received_();  // the left one of a pair
  i2s.words_ = {7, INT32_MIN, 7};
  i2s.received_();
  expected.insert(expected.end(), {32767, -32768});
  CHECK(Given() == expected);
  i2s.starts_ = false;
  CHECK(i2s_pico::sensor_begin(16000, 1, OnValues) != nullptr);
  i2s_pico::sensor_poll();
}

TEST_CASE("I2S on an ESP32") {
  I2SClass& i2s = i2s_esp32::g_i2s;
  REQUIRE(i2s_esp32::sensor_begin(16000, 1, OnValues) == nullptr);
  CHECK(i2s.pins_ == std::vector<int>{26, 27, -1, 28, -1});
  CHECK(i2s.setting_ == std::vector<int>{I2S_MODE_STD, 16000, 32, 1, I2S_STD_SLOT_LEFT});
  CHECK((g_task == i2s_esp32::Task));
  i2s.bytes_ = Bytes(std::vector<int32_t>{0, 1 << 14, -(1 << 14), INT32_MAX, INT32_MIN});
  i2s_esp32::Deliver();
  CHECK(Given() == std::vector<int16_t>{0, 1, -1, 32767, -32768});
  g_task_made = 0;
  CHECK(std::string(i2s_esp32::sensor_begin(16000, 1, OnValues)).find("memory") !=
        std::string::npos);
  g_task_made = pdPASS;
  i2s.starts_ = false;
  CHECK(i2s_esp32::sensor_begin(16000, 1, OnValues) != nullptr);
  i2s_esp32::sensor_poll();
}

TEST_CASE("PDM on an ESP32-S3") {
  I2SClass& i2s = pdm_esp32::g_i2s;
  REQUIRE(pdm_esp32::sensor_begin(16000, 1, OnValues) == nullptr);
  CHECK(i2s.pins_ == std::vector<int>{42, 28, -1, -1, -1});
  CHECK(i2s.setting_ == std::vector<int>{I2S_MODE_PDM_RX, 16000, 16, 1, -1});
  CHECK((g_task == pdm_esp32::Task));
  i2s.bytes_ = Bytes(Ramp(200));
  pdm_esp32::Deliver();
  CHECK(Given() == Ramp(200));
  i2s.starts_ = false;
  CHECK(pdm_esp32::sensor_begin(16000, 1, OnValues) != nullptr);
  pdm_esp32::sensor_poll();
}

uint64_t platform_micros(void) { return g_now_us; }

TEST_CASE("motion sensors are read when it is time, and what is missed is counted") {
  g_now_us = 5000000;
  REQUIRE(imu::sensor_begin(100, 6, OnValues) == nullptr);
  const float acceleration[] = {1, -0.5f, 9}, rotation[] = {100, -0.03f, -3000};
  std::copy_n(acceleration, 3, IMU.acceleration_);
  std::copy_n(rotation, 3, IMU.rotation_);
  imu::sensor_poll();
  CHECK(Given().empty());
  g_now_us += 9999;
  imu::sensor_poll();
  CHECK(Given().empty());
  g_now_us += 1;
  imu::sensor_poll();
  imu::sensor_poll();
  CHECK(Given() == std::vector<int16_t>{4096, -2048, 32767, 1600, 0, -32768});
  CHECK(imu::sensor_missed() == 0);
  g_now_us += 35000;
  imu::sensor_poll();
  CHECK(Given().size() == 6);
  CHECK(imu::sensor_missed() == 2);
  IMU.answers_ = 0;
  g_now_us += 10000;
  imu::sensor_poll();
  CHECK(Given().empty());
  CHECK(imu::sensor_begin(200, 3, OnValues) != nullptr);
  IMU.starts_ = 0;
  CHECK(imu::sensor_begin(100, 3, OnValues) != nullptr);
}

TEST_CASE("LSM6DS3") {
  REQUIRE(lsm6ds3::sensor_begin(100, 3, OnValues) == nullptr);
  CHECK(lsm6ds3::g_imu.address_ == 0x6A);
  lsm6ds3::g_imu.values_[1] = 0.25f;
  g_now_us += 10000;
  lsm6ds3::sensor_poll();
  CHECK(Given() == std::vector<int16_t>{0, 1024, 0});
  REQUIRE(lsm6ds3::sensor_begin(100, 6, OnValues) == nullptr);
  lsm6ds3::g_imu.values_[5] = -2;
  g_now_us += 10000;
  lsm6ds3::sensor_poll();
  CHECK(Given() == std::vector<int16_t>{0, 1024, 0, 0, 0, -32});
  CHECK(lsm6ds3::sensor_begin(500, 3, OnValues) != nullptr);
  lsm6ds3::g_imu.status_ = IMU_HW_ERROR;
  CHECK(lsm6ds3::sensor_begin(100, 3, OnValues) != nullptr);
  CHECK(lsm6ds3::sensor_missed() == 0);
}

TEST_CASE("MPU6050 by its registers") {
  REQUIRE(mpu6050::sensor_begin(100, 6, OnValues) == nullptr);
  CHECK(Wire.registers_[0x1C] == 0x10);
  CHECK(Wire.registers_[0x1B] == 0x18);
  CHECK(Wire.registers_[0x6B] == 0);
  const uint8_t bytes[] = {0x10, 0, 0xff, 0xff, 0, 2, 9, 9, 0, 41, 0xff, 0xd7, 0x7f, 0xff};
  std::copy_n(bytes, sizeof(bytes), Wire.registers_ + 0x3B);
  g_now_us += 10000;
  mpu6050::sensor_poll();
  CHECK(Given() == std::vector<int16_t>{4096, -1, 2, 40, -40, 31967});
  Wire.answers_at_ = 0x69;
  g_now_us += 10000;
  mpu6050::sensor_poll();
  CHECK(Given().empty());
  CHECK(mpu6050::sensor_begin(100, 6, OnValues) != nullptr);
  CHECK(mpu6050::sensor_missed() == 0);
}

TEST_CASE("a camera's images, row by row") {
  g_now_us = 0;
  REQUIRE(esp_camera::sensor_begin(5 * 96, 97, OnValues) == nullptr);
  CHECK(g_camera.frame_size == FRAMESIZE_96X96);
  CHECK(g_camera.pixel_format == PIXFORMAT_RGB565);
  CHECK(std::vector<int>{g_camera.pin_d0, g_camera.pin_d7, g_camera.pin_xclk, g_camera.pin_pclk,
                         g_camera.pin_vsync, g_camera.pin_href, g_camera.pin_sccb_sda,
                         g_camera.pin_sccb_scl,
                         g_camera.pin_pwdn} == std::vector<int>{0, 7, 8, 9, 10, 11, 12, 13, 14});
  std::vector<uint8_t> bytes(2 * 96 * 96);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7 >> 3);
  g_camera_image = {bytes.data(), bytes.size(), 96, 96, PIXFORMAT_RGB565};
  esp_camera::sensor_poll();
  CHECK(Given().empty());
  g_now_us = 200000;
  for (int row = 0; row < 96; ++row) {
    esp_camera::sensor_poll();
    CHECK(g_camera_taken == (row < 95 ? 1 : 0));
    const std::vector<int16_t> given = Given();
    REQUIRE(given.size() == 97);
    CHECK(given[0] == row);
    const uint8_t* last = &bytes[static_cast<size_t>(192 * row + 190)];
    CHECK(given[96] == static_cast<int16_t>(last[0] << 8 | last[1]));
  }
  esp_camera::sensor_poll();
  CHECK(Given().empty());
  g_now_us = 850000;  // two images were not looked at
  g_camera_image.height = 95;
  esp_camera::sensor_poll();
  CHECK(Given().empty());
  CHECK(g_camera_taken == 0);
  CHECK(esp_camera::sensor_missed() == 2 * 96);
  g_now_us = 1000000;
  g_camera_has_image = false;
  esp_camera::sensor_poll();
  CHECK(Given().empty());
  CHECK(esp_camera::sensor_begin(5, 100, OnValues) != nullptr);
  g_camera_starts = 1;
  CHECK(esp_camera::sensor_begin(5 * 240, 321, OnValues) != nullptr);
}
