#include "fake_platform.h"

#include <algorithm>

#include "platform.h"

void platform_begin(void) {}

void platform_write(const uint8_t* bytes, size_t n) {
  fake::sent.append(reinterpret_cast<const char*>(bytes), n);
  fake::longest_write = std::max(fake::longest_write, n);
}

size_t platform_read(uint8_t* /*bytes*/, size_t /*n*/) { return 0; }

uint64_t platform_micros(void) {
  const uint64_t now = fake::clock.front();
  if (fake::clock.size() > 1) fake::clock.erase(fake::clock.begin());
  return now;
}

void platform_delay_ms(uint32_t /*ms*/) {}
