/* Text for the program that started the emulator, by semihosting; and how the emulator ends. */
#include "emulator.h"

#define SYS_WRITE0 0x04
#define SYS_EXIT_EXTENDED 0x20
#define APPLICATION_EXIT 0x20026u

void emulator_log(const char* text) { emulator_semihost(SYS_WRITE0, text); }

void emulator_log_unsigned(uint64_t value) {
  char text[21];
  char* at = text + sizeof(text) - 1;
  *at = '\0';
  do {
    *--at = (char)('0' + value % 10);
    value /= 10;
  } while (value != 0);
  emulator_log(at);
}

void emulator_log_hex(const char* name, uint32_t value) {
  char text[9];
  for (int i = 0; i < 8; ++i) text[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
  text[8] = '\0';
  emulator_log(" ");
  emulator_log(name);
  emulator_log("=0x");
  emulator_log(text);
}

void emulator_exit(int code) {
  const uint32_t argument[2] = {APPLICATION_EXIT, (uint32_t)code};
  emulator_semihost(SYS_EXIT_EXTENDED, argument);
  for (;;) {
  }
}

void emulator_fault_begin(const char* name) {
  emulator_log("fault: ");
  emulator_log(name);
  emulator_log(";");
}

void emulator_fault_end(void) {
  emulator_log("\n");
  emulator_exit(4);
}
