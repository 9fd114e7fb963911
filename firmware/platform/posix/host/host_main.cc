// What the program that loads this firmware as a shared library calls.
#include "posix.h"

// Is the board until its serial input ends.
extern "C" __attribute__((visibility("default"))) void microgen_host_run(int fd_in, int fd_out) {
  posix_run(fd_in, fd_out);
}
