// platform.h with Zephyr, whose UART and counter a test sets.
#include <doctest/doctest.h>

#include <random>

#include "platform.h"
#include "zephyr/drivers/uart.h"

TEST_CASE("bytes wait in the buffer until they are read, and go out as they are") {
  for (int i = 0; i < 300; ++i) g_stand_in.coming.push_back(static_cast<uint8_t>(i));
  platform_begin();
  CHECK(g_stand_in.coming.empty());
  uint8_t received[200];
  CHECK(platform_read(received, sizeof(received)) == 200);
  CHECK(received[199] == 199);
  CHECK(platform_read(received, sizeof(received)) == 100);
  CHECK(received[99] == (299 & 0xff));
  CHECK(platform_read(received, sizeof(received)) == 0);
  const uint8_t bytes[] = {0, 10, 13, 255, '%'};
  platform_write(bytes, sizeof(bytes));
  CHECK(g_stand_in.sent == std::string("\0\n\r\xff%", 5));
}

TEST_CASE("a port that is not ready is left alone") {
  g_stand_in.port.is_ready = false;
  g_stand_in.coming = {1};
  platform_begin();
  CHECK(g_stand_in.coming.size() == 1);
  g_stand_in.coming.clear();
}

TEST_CASE("the clock does not wrap around with the counter's 32 bits") {
  g_stand_in.cycles_a_question = 0;
  std::mt19937 random(1);
  for (int i = 0; i < 100000; ++i) {
    g_stand_in.cycles += random();
    REQUIRE(platform_micros() == g_stand_in.cycles / 64);
  }
  CHECK(g_stand_in.cycles > uint64_t{1} << 40);
  platform_delay_ms(1500);
  CHECK(platform_micros() == g_stand_in.cycles / 64);
}
