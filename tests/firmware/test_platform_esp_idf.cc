// platform.h and the drivers of microphones with ESP-IDF, whose ports a test fills.
#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "driver/i2c_master.h"
#include "driver/i2s_pdm.h"
#include "driver/i2s_std.h"
#include "driver/uart.h"
#include "driver/usb_serial_jtag.h"
#include "esp_timer.h"
#include "freertos/task.h"
#include "platform.h"
#include "platform_sensor.h"
#include "sdkconfig.h"
#include "sensor_schedule.h"

#define MICROPHONE_BCLK 26
#define MICROPHONE_WS 25
#define MICROPHONE_CLK 42
#define MICROPHONE_DATA 33
#define MOTION_SDA 21
#define MOTION_SCL 22
namespace uart {
#include "../../firmware/platform/esp_idf/platform.cc"
}
#undef CONFIG_MICROGEN_SERIAL_UART
#define CONFIG_MICROGEN_SERIAL_USB 1
namespace usb {
#include "../../firmware/platform/esp_idf/platform.cc"
}
#include "../../firmware/platform/esp_idf/sensors/i2s_channel.h"
namespace i2s {
#include "../../firmware/platform/esp_idf/sensors/i2s_esp32.cc"
}
namespace pdm {
#include "../../firmware/platform/esp_idf/sensors/pdm_esp32.cc"
}

namespace motion {
#include "../../firmware/platform/esp_idf/sensors/mpu6050.cc"
}

namespace {

std::vector<int16_t> g_given;
void OnValues(const int16_t* values, size_t count) {
  g_given.insert(g_given.end(), values, values + count);
}
std::vector<int16_t> Given() { return std::exchange(g_given, std::vector<int16_t>()); }

template <class T>
void Hear(const std::vector<T>& values) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
  g_stand_in.heard.assign(bytes, bytes + values.size() * sizeof(T));
}

std::string Sent() { return std::exchange(g_stand_in.sent, std::string()); }

const uint8_t kBytes[] = {0, 10, 13, 255, '%'};
const std::string kSent("\0\n\r\xff%", 5);

}  // namespace

uint64_t platform_micros(void) { return uart::platform_micros(); }

TEST_CASE("a UART gives and takes bytes as they are") {
  uart::platform_begin();
  CHECK(g_stand_in.port == 0);
  CHECK(g_stand_in.baud == 115200);
  uart::platform_write(kBytes, sizeof(kBytes));
  CHECK(Sent() == kSent);
  g_stand_in.received = {7, 0, 255};
  uint8_t received[2];
  CHECK(uart::platform_read(received, 2) == 2);
  CHECK(received[0] == 7);
  CHECK(uart::platform_read(received, 2) == 1);
  CHECK(uart::platform_read(received, 2) == 0);
}

TEST_CASE("the chip's USB port is written to in parts, and not for ever where nobody reads") {
  usb::platform_begin();
  CHECK(g_stand_in.port == 100);
  g_stand_in.takes = 3;
  const std::string text(5000, 'x');
  usb::platform_write(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  CHECK(Sent() == text);
  g_stand_in.takes = 0;
  const uint64_t start_us = g_stand_in.time_us;
  usb::platform_write(kBytes, sizeof(kBytes));
  CHECK(Sent().empty());
  CHECK(g_stand_in.time_us - start_us < 200000);
  g_stand_in.received = {9};
  uint8_t received[2];
  CHECK(usb::platform_read(received, 2) == 1);
}

TEST_CASE("a pause is as long as it should be, at least") {
  const uint64_t start_us = uart::platform_micros();
  uart::platform_delay_ms(5);
  CHECK(uart::platform_micros() - start_us >= 5000);
  CHECK(uart::platform_micros() - start_us < 7000);
}

TEST_CASE("I2S: 32 bits of the left slot, made 16") {
  REQUIRE(i2s::sensor_begin(16000, 1, OnValues) == nullptr);
  CHECK(g_stand_in.rate_hz == 16000);
  CHECK(g_stand_in.port == I2S_NUM_AUTO);
  CHECK(g_stand_in.is_enabled);
  CHECK((g_stand_in.task == i2s::Task));
  Hear<int32_t>({0, 1 << 14, -(1 << 14), INT32_MAX, INT32_MIN});
  i2s::Deliver();
  CHECK(Given() == std::vector<int16_t>{0, 1, -1, 32767, -32768});
  i2s::sensor_poll();
  CHECK(i2s::sensor_missed() == 0);
}

TEST_CASE("PDM: samples from the first port") {
  g_stand_in.is_enabled = false;
  REQUIRE(pdm::sensor_begin(16000, 1, OnValues) == nullptr);
  CHECK(g_stand_in.port == I2S_NUM_0);
  CHECK((g_stand_in.task == pdm::Task));
  Hear<int16_t>({1, -2, 32767});
  pdm::Deliver();
  CHECK(Given() == std::vector<int16_t>{1, -2, 32767});
  pdm::sensor_poll();
  CHECK(pdm::sensor_missed() == 0);
}

TEST_CASE("MPU6050 by its registers") {
  REQUIRE(motion::sensor_begin(100, 6, OnValues) == nullptr);
  CHECK(g_stand_in.pins == std::vector<int>{21, 22});
  CHECK(g_stand_in.address == 0x68);
  CHECK(g_stand_in.registers[0x1C] == 0x10);
  CHECK(g_stand_in.registers[0x1B] == 0x18);
  CHECK(g_stand_in.registers[0x6B] == 0);
  const uint8_t measured[14] = {0x10, 0, 0xF0, 0, 0, 1, 9, 9, 0, 41, 0xFF, 0xD7, 0, 0};
  std::copy(std::begin(measured), std::end(measured), g_stand_in.registers + 0x3B);
  g_stand_in.time_us += 10000;
  motion::sensor_poll();
  CHECK(Given() == std::vector<int16_t>{4096, -4096, 1, 40, -40, 0});
  motion::sensor_poll();
  CHECK(Given().empty());
  CHECK(motion::sensor_missed() == 0);
}

TEST_CASE("what does not start says so") {
  g_stand_in.makes_tasks = false;
  CHECK(std::string(i2s::sensor_begin(16000, 1, OnValues)).find("memory") != std::string::npos);
  g_stand_in.makes_tasks = true;
  g_stand_in.starts = false;
  CHECK(std::string(i2s::sensor_begin(16000, 1, OnValues)).find("I2S") != std::string::npos);
  CHECK(std::string(pdm::sensor_begin(16000, 1, OnValues)).find("PDM") != std::string::npos);
  CHECK(std::string(motion::sensor_begin(100, 6, OnValues)).find("MPU6050") != std::string::npos);
  g_stand_in.starts = true;
}
