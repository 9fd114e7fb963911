// Runs the golden vectors of lib/golden. `pio test` starts this and reads its lines:
//   golden 0 pass
//   golden 1 fail output 0 byte 7 is 12, not 11
//   golden done
#include <cstdio>

#include "golden.h"

#ifdef MICROGEN_NATIVE
#define PRINT(...) std::printf(__VA_ARGS__)
#else
#include <Arduino.h>
#ifndef MICROGEN_BAUD
#define MICROGEN_BAUD 115200
#endif
// Not every board's Serial has printf.
#define PRINT(...)                                         \
  do {                                                     \
    char print_line[96];                                   \
    snprintf(print_line, sizeof(print_line), __VA_ARGS__); \
    Serial.print(print_line);                              \
  } while (false)
#endif

namespace {

void RunVector(unsigned vector) {
  const golden::Result result = golden::Check(vector);
  if (result.pass) {
    PRINT("golden %u pass\r\n", vector);
  } else if (result.status != model::Status::kOk) {
    PRINT("golden %u fail model: %s\r\n", vector, model::StatusName(result.status));
  } else {
    PRINT("golden %u fail output %u byte %u is %u, not %u\r\n", vector,
          static_cast<unsigned>(result.output), static_cast<unsigned>(result.byte),
          static_cast<unsigned>(result.actual), static_cast<unsigned>(result.expected));
  }
}

void RunAll() {
  const model::Status status = model::Init();
  if (status != model::Status::kOk) {
    PRINT("golden 0 fail init: %s\r\n", model::StatusName(status));
  } else {
    for (unsigned vector = 0; vector < kGoldenCount; ++vector) RunVector(vector);
  }
  PRINT("golden done\r\n");
}

}  // namespace

#ifdef MICROGEN_NATIVE
int main() {
  RunAll();
  return 0;
}
#else
void setup() {
  Serial.begin(MICROGEN_BAUD);
  // The PC opens the port after the upload; what is printed before that is lost.
  while (!Serial && millis() < 5000) delay(10);
  delay(2000);
  RunAll();
}

void loop() {}
#endif
