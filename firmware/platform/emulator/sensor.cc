// platform_sensor.h on an emulated board: the file `sensor.in` in the emulator's folder in place of
// the sensor.
//
// Its values come when they are due by the clock of the board: as long as an inference is estimated
// to take, they pile up. Where nothing is due, the clock is put forward. `sensor.in` begins with
// the number of axes and of moments that come at once, 16 bits each; values follow. Where that is
// 0, the sensor is one that is read in sensor_poll().
#include "emulator.h"
#include "platform_sensor.h"

namespace {

constexpr long kOpenReadBinary = 1;
constexpr long kSysOpen = 0x01;
constexpr long kSysRead = 0x06;
constexpr size_t kMostValues = 512;
constexpr unsigned kRest = 256;

long g_file = -1;
uint16_t g_header[2];  // axes, moments

sensor_callback g_on_values = nullptr;
uint32_t g_rate_hz = 1;
uint64_t g_start_us = 0;
uint64_t g_idle_us = 0;
uint64_t g_moments = 0;
unsigned g_rest = kRest;

size_t Read(void* bytes, size_t n) {
  const uintptr_t argument[3] = {static_cast<uintptr_t>(g_file), reinterpret_cast<uintptr_t>(bytes),
                                 n};
  const long left = emulator_semihost(kSysRead, argument);
  return left >= 0 && static_cast<size_t>(left) <= n ? n - static_cast<size_t>(left) : 0;
}

bool IsPolled() { return g_header[1] == 0; }
size_t Moments() { return IsPolled() ? 1 : g_header[1]; }

// When the moment that ends the next block comes.
uint64_t DueMicros() { return g_start_us + (g_moments + Moments()) * 1000000 / g_rate_hz; }

void WaitForNext() {
  const uint64_t now = emulator_micros();
  if (now >= DueMicros() || g_rest < kRest) return;
  g_idle_us += DueMicros() - now;
  emulator_skip_micros(DueMicros() - now);
}

// Hands on the next block, unless none is left.
void Deliver() {
  static int16_t values[kMostValues];
  const uint64_t before = emulator_ticks();
  const size_t n = Read(values, sizeof(*values) * g_header[0] * Moments()) / sizeof(*values);
  emulator_hide_ticks(emulator_ticks() - before);
  if (n == 0) {
    --g_rest;
  } else {
    g_moments += n / g_header[0];
    g_on_values(values, n);
  }
}

}  // namespace

const char* sensor_begin(uint32_t rate_hz, unsigned /*axes*/, sensor_callback on_values) {
  static const char name[] = "sensor.in";
  const uintptr_t argument[3] = {reinterpret_cast<uintptr_t>(name), kOpenReadBinary,
                                 sizeof(name) - 1};
  g_file = emulator_semihost(kSysOpen, argument);
  const bool is_whole = g_file >= 0 && Read(g_header, sizeof(g_header)) == sizeof(g_header);
  if (!is_whole || g_header[0] * Moments() - 1 >= kMostValues) {
    return "there is no sensor here (microgen simulate --input has one)";
  }
  g_rate_hz = rate_hz;
  g_on_values = on_values;
  g_start_us = emulator_micros();
  return nullptr;
}

int emulator_sensor_next(void) {
  if (g_on_values == nullptr) return 0;
  if (!IsPolled()) {
    WaitForNext();
    while (g_rest == kRest && DueMicros() <= emulator_micros()) Deliver();
  }
  if (g_rest == kRest) return 1;
  if (g_rest == 0) {
    emulator_log("busy ");
    emulator_log_unsigned(emulator_micros() - g_start_us - g_idle_us);
    emulator_log("\n");
    emulator_exit(0);
  }
  --g_rest;
  return 1;
}

void sensor_poll(void) {
  if (g_on_values == nullptr || !IsPolled() || g_rest < kRest) return;
  WaitForNext();
  Deliver();
}

uint32_t sensor_missed(void) { return 0; }

void sensor_trace(const char* what, uint32_t position, const void* bytes, size_t n) {
  const uint64_t before = emulator_ticks();
  emulator_log("trace ");
  emulator_log(what);
  emulator_log(" ");
  emulator_log_unsigned(position);
  emulator_log(" ");
  char text[129];
  for (size_t i = 0; i < n;) {
    size_t at = 0;
    for (; i < n && at + 1 < sizeof(text); ++i) {
      const uint8_t byte = static_cast<const uint8_t*>(bytes)[i];
      text[at++] = "0123456789abcdef"[byte >> 4];
      text[at++] = "0123456789abcdef"[byte & 15];
    }
    text[at] = '\0';
    emulator_log(text);
  }
  emulator_log("\n");
  emulator_hide_ticks(emulator_ticks() - before);
}
