// Runs the golden vectors of lib/golden. `pio test` starts this and reads its lines:
//   golden 0 pass
//   golden 1 fail output 0 byte 7 is 12, not 11
//   golden done
#include <cstdio>
#include <cstring>

#include "golden.h"
#include "platform.h"
#ifdef MICROGEN_EMULATOR
#include "emulator.h"
#endif

namespace {

template <class... Args>
void Print(const char* format, Args... args) {
  char line[96];
  std::snprintf(line, sizeof(line), format, args...);
  platform_write(reinterpret_cast<const uint8_t*>(line), std::strlen(line));
}

void RunVector(unsigned vector) {
  const golden::Result result = golden::Check(vector);
  if (result.pass) {
    Print("golden %u pass\r\n", vector);
  } else if (result.status != model::Status::kOk) {
    Print("golden %u fail model: %s\r\n", vector, model::StatusName(result.status));
  } else {
    Print("golden %u fail output %u byte %u is %u, not %u\r\n", vector,
          static_cast<unsigned>(result.output), static_cast<unsigned>(result.byte),
          static_cast<unsigned>(result.actual), static_cast<unsigned>(result.expected));
  }
}

void RunAll() {
  const model::Status status = model::Init();
  if (status != model::Status::kOk) {
    Print("golden 0 fail init: %s\r\n", model::StatusName(status));
  } else {
    for (unsigned vector = 0; vector < kGoldenCount; ++vector) RunVector(vector);
  }
  Print("golden done\r\n");
}

}  // namespace

void setup() {
  platform_begin();
#if !defined(MICROGEN_NATIVE) && !defined(MICROGEN_EMULATOR)
  // The PC opens the port after the upload; what is printed before that is lost.
  platform_delay_ms(4000);
#endif
  RunAll();
}

void loop() {
#ifdef MICROGEN_EMULATOR
  emulator_exit(0);
#endif
}

#ifdef MICROGEN_NATIVE
int main() {
  setup();
  return 0;
}
#endif
