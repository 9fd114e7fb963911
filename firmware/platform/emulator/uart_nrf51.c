/* The UART of Nordic's nRF51. */
#include "emulator.h"

#define REGISTER(offset) (*(volatile uint32_t*)(uintptr_t)(UART_ADDRESS + (offset)))
#define START_RECEIVING REGISTER(0x000)
#define START_SENDING REGISTER(0x008)
#define RECEIVED REGISTER(0x108)
#define SENT REGISTER(0x11c)
#define INTERRUPTS REGISTER(0x304)
#define ENABLE REGISTER(0x500)
#define RECEIVE_DATA REGISTER(0x518)
#define SEND_DATA REGISTER(0x51c)

void emulator_uart_open(void) {
  ENABLE = 4;
  INTERRUPTS = 1u << 2; /* on receiving */
  START_RECEIVING = 1;
  START_SENDING = 1;
}

int emulator_uart_ready(void) { return RECEIVED != 0; }

int emulator_uart_read(void) {
  if (!emulator_uart_ready()) return -1;
  RECEIVED = 0; /* comes back where more has come */
  return (int)(RECEIVE_DATA & 0xff);
}

void emulator_uart_write(uint8_t byte) {
  SENT = 0;
  SEND_DATA = byte;
  while (SENT == 0) {
  }
}
