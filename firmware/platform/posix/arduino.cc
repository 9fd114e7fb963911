#include "Arduino.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "platform.h"
#include "posix.h"

HostSerial Serial;

int HostSerial::available() { return static_cast<int>(posix_available()); }

int HostSerial::read() {
  uint8_t byte = 0;
  return platform_read(&byte, 1) == 1 ? byte : -1;
}

size_t HostSerial::write(const uint8_t* bytes, size_t n) {
  platform_write(bytes, n);
  return n;
}

void HostSerial::flush() { posix_flush(); }

size_t HostSerial::print(const char* text) {
  return write(reinterpret_cast<const uint8_t*>(text), strlen(text));
}

size_t HostSerial::print(long value) {
  char text[24];
  const int n = snprintf(text, sizeof(text), "%ld", value);
  return n > 0 ? print(text) : 0;
}

size_t HostSerial::print(unsigned long value) {
  char text[24];
  const int n = snprintf(text, sizeof(text), "%lu", value);
  return n > 0 ? print(text) : 0;
}

size_t HostSerial::print(double value, int decimals) {
  char text[400];
  const int n = snprintf(text, sizeof(text), "%.*f", decimals, value);
  return n > 0 ? print(text) : 0;
}

unsigned long millis() { return static_cast<unsigned long>(platform_micros() / 1000); }
unsigned long micros() { return static_cast<unsigned long>(platform_micros()); }

void delay(unsigned long ms) { platform_delay_ms(static_cast<uint32_t>(ms)); }

void delayMicroseconds(unsigned us) {
  const timespec pause = {static_cast<time_t>(us / 1000000),
                          static_cast<long>(us % 1000000) * 1000};
  nanosleep(&pause, nullptr);
}
