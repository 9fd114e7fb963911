// platform.h and reset on an RP2040, as the tests need it: its first UART, its
// microsecond timer.
#include "platform.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define UART 0x40034000u
#define TIMER_LOW 0x40054028u

void setup();
void loop();

extern uint32_t pico_data_load[], pico_data_begin[], pico_data_end[],
    pico_bss_begin[], pico_bss_end[];

void platform_begin(void) {
  REGISTER(UART + 0x24) = 67; // 115,200 baud at 125 MHz
  REGISTER(UART + 0x28) = 52;
  REGISTER(UART + 0x2c) = 3u << 5 | 1u << 4;     // 8 bits, FIFOs
  REGISTER(UART + 0x30) = 1 | 1u << 8 | 1u << 9; // on, send, receive
}

void platform_write(const uint8_t *bytes, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    while (REGISTER(UART + 0x18) & 1u << 5) {
    }
    REGISTER(UART) = bytes[i];
  }
}

size_t platform_read(uint8_t *bytes, size_t n) {
  size_t received = 0;
  while (received < n && !(REGISTER(UART + 0x18) & 1u << 4)) {
    bytes[received++] = static_cast<uint8_t>(REGISTER(UART));
  }
  return received;
}

uint64_t platform_micros(void) {
  static uint64_t now = 0;
  now += REGISTER(TIMER_LOW) - static_cast<uint32_t>(now);
  return now;
}

void platform_delay_ms(uint32_t ms) {
  const uint64_t end = platform_micros() + uint64_t{1000} * ms;
  while (platform_micros() < end) {
  }
}

extern "C" __attribute__((used, noreturn)) void pico_start() {
  const uint32_t *from = pico_data_load;
  for (uint32_t *p = pico_data_begin; p < pico_data_end;)
    *p++ = *from++;
  for (uint32_t *p = pico_bss_begin; p < pico_bss_end;)
    *p++ = 0;
  setup();
  for (;;)
    loop();
}

// Where the test lets the core begin.
extern "C" __attribute__((naked, used, section(".begin"))) void pico_reset() {
  __asm__ volatile("ldr r0, =pico_stack_top\nmov sp, r0\nbl pico_start\n");
}
