// The Arduino API of ../posix/Arduino.h on an emulated board.
#include "Arduino.h"

#include <string.h>

#include "emulator.h"
#include "platform.h"

HostSerial Serial;

int HostSerial::available() { return emulator_serial_ready(); }
int HostSerial::read() { return emulator_serial_read(); }
void HostSerial::flush() {}

size_t HostSerial::write(const uint8_t* bytes, size_t n) {
  platform_write(bytes, n);
  return n;
}

size_t HostSerial::print(const char* text) {
  return write(reinterpret_cast<const uint8_t*>(text), strlen(text));
}

size_t HostSerial::print(unsigned long value) {
  char text[21];
  char* at = text + sizeof(text);
  *--at = '\0';
  do {
    *--at = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return print(at);
}

size_t HostSerial::print(long value) {
  const auto bits = static_cast<unsigned long>(value);
  return value < 0 ? print('-') + print(0 - bits) : print(bits);
}

// Without printf: newlib-nano's prints nothing for %f. Numbers beyond a float's are nobody's.
size_t HostSerial::print(double value, int decimals) {
  if (value != value) return print("nan");
  if (value < 0) return print('-') + print(-value, decimals);
  if (value > 4e9) return print(value > 3.5e38 ? "inf" : "ovf");
  double half = 0.5;
  for (int i = 0; i < decimals; ++i) half /= 10;
  value += half;
  const auto whole = static_cast<unsigned long>(value);
  size_t n = print(whole);
  if (decimals > 0) n += print('.');
  double rest = value - static_cast<double>(whole);
  for (int i = 0; i < decimals; ++i) {
    rest *= 10;
    const int digit = static_cast<int>(rest);
    n += print(static_cast<char>('0' + digit));
    rest -= digit;
  }
  return n;
}

unsigned long millis() { return static_cast<unsigned long>(platform_micros() / 1000); }
unsigned long micros() { return static_cast<unsigned long>(platform_micros()); }
void delay(unsigned long ms) { platform_delay_ms(static_cast<uint32_t>(ms)); }

void delayMicroseconds(unsigned us) {
  const uint64_t end = platform_micros() + us;
  while (platform_micros() < end) {
  }
}
