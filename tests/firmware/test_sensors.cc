// The drivers of sensors, against stand-ins for the libraries that they call.
#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "ESP_I2S.h"
#include "I2S.h"
#include "PDM.h"
#include "sensor.h"

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

namespace {

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
  REQUIRE(pdm::sensor_begin(16000, OnValues) == nullptr);
  CHECK(PDM.channels_ == 1);
  CHECK(PDM.rate_ == 16000);
  CHECK(PDM.gain_ == 0);
  PDM.bytes_ = Bytes(Ramp(700));
  PDM.received_();
  CHECK(Given() == Ramp(700));
  PDM.received_();
  CHECK(Given().empty());
  PDM.starts_ = 0;
  CHECK(pdm::sensor_begin(16000, OnValues) != nullptr);
  pdm::sensor_poll();
}

TEST_CASE("I2S on a Pico: one of two slots, made 16 bits") {
  I2S& i2s = *I2S::last;
  REQUIRE(i2s_pico::sensor_begin(16000, OnValues) == nullptr);
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
  CHECK(i2s_pico::sensor_begin(16000, OnValues) != nullptr);
  i2s_pico::sensor_poll();
}

TEST_CASE("I2S on an ESP32") {
  I2SClass& i2s = i2s_esp32::g_i2s;
  REQUIRE(i2s_esp32::sensor_begin(16000, OnValues) == nullptr);
  CHECK(i2s.pins_ == std::vector<int>{26, 27, -1, 28, -1});
  CHECK(i2s.setting_ == std::vector<int>{I2S_MODE_STD, 16000, 32, 1, I2S_STD_SLOT_LEFT});
  CHECK((g_task == i2s_esp32::Task));
  i2s.bytes_ = Bytes(std::vector<int32_t>{0, 1 << 14, -(1 << 14), INT32_MAX, INT32_MIN});
  i2s_esp32::Deliver();
  CHECK(Given() == std::vector<int16_t>{0, 1, -1, 32767, -32768});
  g_task_made = 0;
  CHECK(std::string(i2s_esp32::sensor_begin(16000, OnValues)).find("memory") != std::string::npos);
  g_task_made = pdPASS;
  i2s.starts_ = false;
  CHECK(i2s_esp32::sensor_begin(16000, OnValues) != nullptr);
  i2s_esp32::sensor_poll();
}

TEST_CASE("PDM on an ESP32-S3") {
  I2SClass& i2s = pdm_esp32::g_i2s;
  REQUIRE(pdm_esp32::sensor_begin(16000, OnValues) == nullptr);
  CHECK(i2s.pins_ == std::vector<int>{42, 28, -1, -1, -1});
  CHECK(i2s.setting_ == std::vector<int>{I2S_MODE_PDM_RX, 16000, 16, 1, -1});
  CHECK((g_task == pdm_esp32::Task));
  i2s.bytes_ = Bytes(Ramp(200));
  pdm_esp32::Deliver();
  CHECK(Given() == Ramp(200));
  i2s.starts_ = false;
  CHECK(pdm_esp32::sensor_begin(16000, OnValues) != nullptr);
  pdm_esp32::sensor_poll();
}
