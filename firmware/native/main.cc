// The firmware as a program on a PC: its serial port is standard input and output. A test brings a
// main() of its own, and this one is then left out, because it lies in a library.
#include "Arduino.h"

int main() {
  setup();
  // The pause lets a loop() that samples something run on without input, yet not spin.
  do {
    loop();
  } while (Serial.wait(20));
  Serial.flush();
  return 0;
}
