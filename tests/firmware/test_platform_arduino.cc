// platform.h on an Arduino whose clock a test sets.
#include <Arduino.h>
#include <doctest/doctest.h>

#include <random>

#include "platform.h"

TEST_CASE("the port opens, or three seconds are over") {
  platform_begin();
  CHECK(Serial.baud == 115200);
  CHECK(g_time_us == 3000000);
  Serial.open = true;
  platform_begin();
  CHECK(g_time_us == 3000000);
}

TEST_CASE("bytes go out and come in as they are") {
  const uint8_t bytes[] = {0, 10, 13, 255, '%'};
  platform_write(bytes, sizeof(bytes));
  CHECK(Serial.sent == std::string("\0\n\r\xff%", 5));
  Serial.received = std::string("\xff\0%", 3);
  uint8_t received[8] = {};
  CHECK(platform_read(received, 2) == 2);
  CHECK(received[0] == 255);
  CHECK(received[1] == 0);
  CHECK(platform_read(received, sizeof(received)) == 1);
  CHECK(received[0] == '%');
  CHECK(platform_read(received, sizeof(received)) == 0);
}

TEST_CASE("the clock does not wrap around with micros() or millis(), whenever it is asked") {
  std::mt19937_64 random(1);
  const uint64_t day_us = uint64_t{24} * 3600 * 1000000;
  for (int i = 0; i < 100000; ++i) {
    // From microseconds to 45 days between two questions.
    g_time_us += random() % (uint64_t{2} << (random() % 41));
    g_time_us += random() % 100 == 0 ? random() % (20 * day_us) : 0;
    REQUIRE(platform_micros() == g_time_us);
  }
  CHECK(g_time_us > uint64_t{1000} << 32);
}

TEST_CASE("the clock is followed while nothing is received and nobody asks") {
  const uint64_t week_us = uint64_t{7} * 24 * 3600 * 1000000;
  for (int i = 0; i < 60; ++i) {
    g_time_us += week_us;
    uint8_t byte;
    CHECK(platform_read(&byte, 1) == 0);
  }
  CHECK(platform_micros() == g_time_us);
}
