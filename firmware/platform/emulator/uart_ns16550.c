/* The NS16550, as PCs had it. */
#include "emulator.h"

#define REGISTER(offset) (*(volatile uint8_t*)(uintptr_t)(UART_ADDRESS + (offset)))
#define DATA REGISTER(0)
#define INTERRUPTS REGISTER(1)
#define FIFO REGISTER(2)
#define STATE REGISTER(5)

void emulator_uart_open(void) {
  FIFO = 1;
  INTERRUPTS = 1; /* on receiving */
}

int emulator_uart_ready(void) { return STATE & 1; }

int emulator_uart_read(void) { return emulator_uart_ready() ? DATA : -1; }

void emulator_uart_write(uint8_t byte) {
  while (!(STATE & 0x20)) {
  }
  DATA = byte;
}
