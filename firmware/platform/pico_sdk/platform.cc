// platform.h with the Pico SDK: its standard input and output, on USB and on the default UART.
#include "platform.h"

#include "pico/stdio.h"
#include "pico/stdlib.h"
#if LIB_PICO_STDIO_USB
#include "pico/stdio_usb.h"
#endif

void setup();
void loop();

int main() {
  setup();
  for (;;) loop();
}

void platform_begin(void) {
  stdio_init_all();
#if LIB_PICO_STDIO_USB
  // A USB port appears once a PC opens it. Don't wait for ever: there may be no PC.
  while (!stdio_usb_connected() && time_us_64() < 3000000) sleep_ms(10);
#endif
}

void platform_write(const uint8_t* bytes, size_t n) {
  for (size_t i = 0; i < n; ++i) putchar_raw(bytes[i]);
  stdio_flush();
}

size_t platform_read(uint8_t* bytes, size_t n) {
  size_t received = 0;
  while (received < n) {
    const int byte = getchar_timeout_us(0);
    if (byte < 0) break;
    bytes[received++] = static_cast<uint8_t>(byte);
  }
  return received;
}

uint64_t platform_micros(void) { return time_us_64(); }

void platform_delay_ms(uint32_t ms) { sleep_ms(ms); }
