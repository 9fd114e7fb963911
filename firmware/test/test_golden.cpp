// Runs the golden vectors of lib/golden. `pio test` starts this and reads its lines:
//   golden 0 pass
//   golden 1 fail output 0 byte 7 is 12, not 11
//   golden done
#include <cstdio>
#include <cstring>

#include "golden.h"
#include "models.h"
#include "platform.h"
#ifdef MICROGEN_EMULATOR
#include "emulator.h"
#endif

namespace {

template <class... Args>
void Print(const char* format, Args... args) {
  char line[96];
  if (std::snprintf(line, sizeof(line), format, args...) < 0) return;
  platform_write(reinterpret_cast<const uint8_t*>(line), std::strlen(line));
}

// Vectors of several models are numbered one after the other.
void RunVector(unsigned vector, unsigned number) {
  const golden::Result result = golden::Check(vector);
  if (result.pass) {
    Print("golden %u pass\r\n", number);
  } else if (result.status != model::Status::kOk) {
    Print("golden %u fail model: %s\r\n", number, model::StatusName(result.status));
  } else {
    Print("golden %u fail output %u byte %u is %u, not %u\r\n", number,
          static_cast<unsigned>(result.output), static_cast<unsigned>(result.byte),
          static_cast<unsigned>(result.actual), static_cast<unsigned>(result.expected));
  }
}

void RunAll() {
  const model::Status status = model::Init();
  if (status != model::Status::kOk) {
    Print("golden 0 fail init: %s\r\n", model::StatusName(status));
  } else {
    unsigned number = 0;
    for (unsigned m = 0; m < model::kModelCount; ++m) {
      const model::Use use(m);
      for (unsigned vector = 0; vector < golden::Count(); ++vector) RunVector(vector, number++);
    }
  }
  Print("golden %s\r\n", "done");
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
