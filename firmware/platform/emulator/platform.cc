// platform.h on an emulated board, and what calls the application there.
#include "platform.h"

#include "emulator.h"

void setup();
void loop();

void emulator_main() {
  emulator_calibrate();
  emulator_serial_open();
  setup();
  for (;;) {
    loop();
    if (emulator_sensor_next()) continue;
    emulator_serial_end();
    emulator_wait();
  }
}

void platform_begin(void) {}

void platform_write(const uint8_t* bytes, size_t n) {
  for (size_t i = 0; i < n; ++i) emulator_uart_write(bytes[i]);
}

size_t platform_read(uint8_t* bytes, size_t n) {
  size_t received = 0;
  while (received < n && emulator_serial_ready()) {
    bytes[received++] = static_cast<uint8_t>(emulator_serial_read());
  }
  return received;
}

uint64_t platform_micros(void) { return emulator_micros(); }

void platform_delay_ms(uint32_t ms) {
  const uint64_t end = emulator_micros() + uint64_t{1000} * ms;
  while (emulator_micros() < end) {
  }
}
