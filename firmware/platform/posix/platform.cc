// platform.h on POSIX: standard input and output are the serial port, unless posix_run() names
// others.
#include "platform.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "posix.h"

void setup();
void loop();

namespace {

int g_fd_in = STDIN_FILENO;
int g_fd_out = STDOUT_FILENO;
bool g_ended = false;

uint8_t g_in[4096];
size_t g_in_begin = 0;
size_t g_in_end = 0;

uint8_t g_out[4096];
size_t g_out_size = 0;

uint64_t MonotonicMicros() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

// Waits until bytes have arrived or the time is up. Returns false once the input has ended.
bool Wait(int timeout_ms) {
  if (g_in_begin < g_in_end) return true;
  posix_flush();
  if (g_ended) return false;
  pollfd in = {g_fd_in, POLLIN, 0};
  if (poll(&in, 1, timeout_ms) <= 0) return true;  // nothing yet, or interrupted
  const ssize_t n = ::read(g_fd_in, g_in, sizeof(g_in));
  if (n < 0 && errno == EINTR) return true;
  g_ended = n <= 0;
  g_in_begin = 0;
  g_in_end = g_ended ? 0 : static_cast<size_t>(n);
  return !g_ended;
}

}  // namespace

void posix_run(int fd_in, int fd_out) {
  g_fd_in = fd_in;
  g_fd_out = fd_out;
  g_ended = false;
  g_in_begin = g_in_end = g_out_size = 0;
  setup();
  // The pause lets a loop() that samples something run on without input, yet not spin.
  do {
    loop();
  } while (posix_is_fed() ? posix_feed_next() : Wait(20));
  posix_flush();
}

size_t posix_available() {
  Wait(0);
  return g_in_end - g_in_begin;
}

void posix_flush() {
  size_t done = 0;
  while (done < g_out_size) {
    const ssize_t n = ::write(g_fd_out, g_out + done, g_out_size - done);
    if (n > 0) {
      done += static_cast<size_t>(n);
    } else if (errno != EINTR) {
      g_ended = true;  // nobody listens any more
      break;
    }
  }
  g_out_size = 0;
}

void platform_begin(void) {
  if (atexit(posix_flush) != 0) abort();
}

void platform_write(const uint8_t* bytes, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    if (g_out_size == sizeof(g_out)) posix_flush();
    g_out[g_out_size++] = bytes[i];
  }
}

size_t platform_read(uint8_t* bytes, size_t n) {
  size_t received = 0;
  while (received < n && posix_available() > 0) bytes[received++] = g_in[g_in_begin++];
  return received;
}

uint64_t platform_micros(void) {
  if (posix_is_fed()) return posix_fed_micros();
  static const uint64_t start = MonotonicMicros();
  return MonotonicMicros() - start;
}

void platform_delay_ms(uint32_t ms) {
  posix_flush();
  const timespec pause = {static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000) * 1000000};
  nanosleep(&pause, nullptr);
}
