// platform.h on Arduino. -DMICROGEN_SERIAL=Serial1 chooses another port.
#include "platform.h"

#include <Arduino.h>

#ifndef MICROGEN_BAUD
#define MICROGEN_BAUD 115200
#endif
#ifndef MICROGEN_SERIAL
#define MICROGEN_SERIAL Serial
#endif

void platform_begin(void) {
  MICROGEN_SERIAL.begin(MICROGEN_BAUD);
  // A native USB port appears once a PC opens it. Don't wait for ever: there may be no PC.
  while (!MICROGEN_SERIAL && millis() < 3000) delay(10);
}

void platform_write(const uint8_t* bytes, size_t n) { MICROGEN_SERIAL.write(bytes, n); }

size_t platform_read(uint8_t* bytes, size_t n) {
  platform_micros();  // follows the clock while nobody asks for it
  size_t received = 0;
  while (received < n && MICROGEN_SERIAL.available() > 0) {
    bytes[received++] = static_cast<uint8_t>(MICROGEN_SERIAL.read());
  }
  return received;
}

// micros() wraps around after 71 minutes, millis() after 49 days. The time is the one that micros()
// may stand for which is nearest to what millis() gives since the last call.
uint64_t platform_micros(void) {
  static uint64_t time_us = 0;
  static uint32_t last_ms = 0;
  const uint32_t now_ms = static_cast<uint32_t>(millis());
  const uint32_t now_us = static_cast<uint32_t>(micros());
  const uint64_t nearly_us = time_us + uint64_t{1000} * (now_ms - last_ms);
  const int32_t correction_us = static_cast<int32_t>(now_us - static_cast<uint32_t>(nearly_us));
  time_us = nearly_us + static_cast<uint64_t>(int64_t{correction_us});
  last_ms = now_ms;
  return time_us;
}

void platform_delay_ms(uint32_t ms) { delay(ms); }
