/* The UART of Arm's CMSDK. */
#include "emulator.h"

#define REGISTER(offset) (*(volatile uint32_t*)(uintptr_t)(UART_ADDRESS + (offset)))
#define DATA REGISTER(0)
#define STATE REGISTER(4)
#define CONTROL REGISTER(8)
#define INTERRUPTS REGISTER(12)
#define DIVIDER REGISTER(16)

void emulator_uart_open(void) {
  DIVIDER = 16;
  CONTROL = 1 | 2 | 8; /* send, receive, interrupt on receiving */
}

int emulator_uart_ready(void) { return (STATE & 2) != 0; }

int emulator_uart_read(void) {
  if (!emulator_uart_ready()) return -1;
  const uint32_t byte = DATA;
  INTERRUPTS = 2;
  return (int)(byte & 0xff);
}

void emulator_uart_write(uint8_t byte) {
  while (STATE & 1) {
  }
  DATA = byte;
}
