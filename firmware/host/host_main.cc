// What the program that loads this firmware as a shared library calls.
#include "Arduino.h"

#define MICROGEN_EXPORT extern "C" __attribute__((visibility("default")))

// Empty when the self-test passes.
// Is the board until its serial input ends.
MICROGEN_EXPORT int microgen_host_run(int fd_in, int fd_out) {
  Serial.open(fd_in, fd_out);
  setup();
  // The pause lets a loop() that samples something run on without input, yet not spin.
  do {
    loop();
  } while (Serial.wait(20));
  Serial.flush();
  return 0;
}
