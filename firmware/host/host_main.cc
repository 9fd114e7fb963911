// What the program that loads this firmware as a shared library calls.
#include "Arduino.h"
#include "model_data.h"
#include "selftest.h"

#define MICROGEN_EXPORT extern "C" __attribute__((visibility("default")))

// Empty when the self-test passes.
MICROGEN_EXPORT const char* microgen_selftest_reason() {
  const char* reason = SelfTest();
  return reason == nullptr ? "" : reason;
}

MICROGEN_EXPORT int microgen_selftest() { return SelfTest() == nullptr ? 0 : 1; }

MICROGEN_EXPORT const unsigned char* microgen_model_data(size_t* n) {
  *n = g_model_data_size;
  return g_model_data;
}

// Is the board until its serial input ends. Nonzero when the self-test failed.
MICROGEN_EXPORT int microgen_host_run(int fd_in, int fd_out) {
  if (SelfTest() != nullptr) return 1;
  Serial.open(fd_in, fd_out);
  setup();
  // The pause lets a loop() that samples something run on without input, yet not spin.
  do {
    loop();
  } while (Serial.wait(20));
  Serial.flush();
  return 0;
}
