/* The serial port of the firmware: the UART, and beside it a file for what the host sends.
 *
 * A UART under QEMU takes one byte at a time, and each costs the host two switches of threads. A
 * host in a hurry appends what it sends to the file `serial.in` in the emulator's folder, and sends
 * one byte over the UART as a doorbell. Without this file the UART carries everything. */
#include "emulator.h"

#define SYS_OPEN 0x01
#define SYS_READ 0x06
#define OPEN_READ_BINARY 1

static long g_file = -1;
static uint8_t g_buffer[256];
static uint32_t g_next, g_end;

static long open_file(const char* name, uint32_t length) {
  const uint32_t argument[3] = {(uint32_t)(uintptr_t)name, OPEN_READ_BINARY, length};
  return emulator_semihost(SYS_OPEN, argument);
}

void emulator_serial_open(void) {
  g_file = open_file("serial.in", 9);
  emulator_uart_open();
}

static void fill(void) {
  while (emulator_uart_read() >= 0) {
  }
  const uint32_t argument[3] = {(uint32_t)g_file, (uint32_t)(uintptr_t)g_buffer, sizeof(g_buffer)};
  const long left = emulator_semihost(SYS_READ, argument); /* bytes that were not read */
  g_next = 0;
  g_end =
      left >= 0 && left < (long)sizeof(g_buffer) ? (uint32_t)((long)sizeof(g_buffer) - left) : 0;
}

int emulator_serial_ready(void) {
  if (g_file < 0) return emulator_uart_ready();
  if (g_next == g_end) fill();
  return g_next < g_end;
}

int emulator_serial_read(void) {
  if (g_file < 0) return emulator_uart_read();
  return emulator_serial_ready() ? g_buffer[g_next++] : -1;
}

void emulator_serial_end(void) {
  if (g_file >= 0 && !emulator_serial_ready() && open_file("serial.end", 10) >= 0) emulator_exit(0);
}
