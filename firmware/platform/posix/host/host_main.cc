// What the program that loads this firmware as a shared library calls.
#include "posix.h"

// Puts a file in place of the sensor, to be called first; see posix.h. Returns 0 where it cannot.
extern "C" __attribute__((visibility("default"))) int microgen_host_feed(const char* values,
                                                                         const char* trace,
                                                                         unsigned axes,
                                                                         unsigned moments) {
  return posix_feed(values, trace, axes, moments);
}

// Is the board until its serial input ends.
extern "C" __attribute__((visibility("default"))) void microgen_host_run(int fd_in, int fd_out) {
  posix_run(fd_in, fd_out);
}
