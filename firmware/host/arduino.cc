#include "Arduino.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

HostSerial Serial;

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

uint64_t SinceStart() {
  static const uint64_t start = MonotonicMicros();
  return MonotonicMicros() - start;
}

}  // namespace

void HostSerial::open(int fd_in, int fd_out) {
  g_fd_in = fd_in;
  g_fd_out = fd_out;
  g_ended = false;
  g_in_begin = g_in_end = g_out_size = 0;
}

bool HostSerial::wait(int timeout_ms) {
  if (g_in_begin < g_in_end) return true;
  flush();
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

int HostSerial::available() {
  wait(0);
  return static_cast<int>(g_in_end - g_in_begin);
}

int HostSerial::read() { return available() > 0 ? g_in[g_in_begin++] : -1; }

size_t HostSerial::write(const uint8_t* bytes, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    if (g_out_size == sizeof(g_out)) flush();
    g_out[g_out_size++] = bytes[i];
  }
  return n;
}

void HostSerial::flush() {
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

size_t HostSerial::print(const char* text) {
  return write(reinterpret_cast<const uint8_t*>(text), strlen(text));
}

size_t HostSerial::print(long value) {
  char text[24];
  snprintf(text, sizeof(text), "%ld", value);
  return print(text);
}

size_t HostSerial::print(unsigned long value) {
  char text[24];
  snprintf(text, sizeof(text), "%lu", value);
  return print(text);
}

size_t HostSerial::print(double value, int decimals) {
  char text[400];
  snprintf(text, sizeof(text), "%.*f", decimals, value);
  return print(text);
}

unsigned long millis() { return static_cast<unsigned long>(SinceStart() / 1000); }
unsigned long micros() { return static_cast<unsigned long>(SinceStart()); }

void delay(unsigned long ms) {
  Serial.flush();
  const timespec pause = {static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000) * 1000000};
  nanosleep(&pause, nullptr);
}

void delayMicroseconds(unsigned us) {
  const timespec pause = {static_cast<time_t>(us / 1000000),
                          static_cast<long>(us % 1000000) * 1000};
  nanosleep(&pause, nullptr);
}
