// The firmware as a program on a PC: its serial port is standard input and output. A test brings a
// main() of its own, and this one is then left out, because it lies in a library.
#include <unistd.h>

#include "posix.h"

int main() {
  posix_run(STDIN_FILENO, STDOUT_FILENO);
  return 0;
}
