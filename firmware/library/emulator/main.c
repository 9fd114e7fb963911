/* Runs the test on an emulated CPU: its words go over the serial port, its exit code is QEMU's. */
#include "emulator.h"
#include "print.h"

int main(void);

void test_print(const char* text) {
  while (*text != '\0') emulator_uart_write((uint8_t)*text++);
}

void emulator_main(void) {
  emulator_uart_open();
  emulator_exit(main());
}
