// Runs the golden vectors: inputs whose output bytes TensorFlow Lite Micro gave on the host. The
// device must give the same bytes. `pio test` starts this and reads its lines:
//   golden 0 pass
//   golden 1 fail output 0 byte 7 is 12, not 11
//   golden done
#include <cstdio>

#include "golden_data.h"
#include "model_runner.h"

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

void FailStatus(unsigned vector, const char* what, model::Status status) {
  PRINT("golden %u fail %s: %s\r\n", vector, what, model::StatusName(status));
}

void RunVector(unsigned vector) {
  model::Status status = model::Reset();
  if (status != model::Status::kOk) return FailStatus(vector, "reset", status);
  const unsigned char* input = g_golden_inputs[vector];
  for (unsigned i = 0; i < model::kInputCount; ++i) {
    status = model::SetInput(i, input, model::kInputs[i].bytes);
    if (status != model::Status::kOk) return FailStatus(vector, "input", status);
    input += model::kInputs[i].bytes;
  }
  status = model::Invoke();
  if (status != model::Status::kOk) return FailStatus(vector, "invoke", status);
  const unsigned char* expected = g_golden_outputs[vector];
  for (unsigned i = 0; i < model::kOutputCount; ++i) {
    const uint8_t* actual = nullptr;
    size_t bytes = 0;
    status = model::Output(i, &actual, &bytes);
    if (status != model::Status::kOk) return FailStatus(vector, "output", status);
    for (unsigned k = 0; k < bytes; ++k) {
      if (actual[k] != expected[k]) {
        PRINT("golden %u fail output %u byte %u is %d, not %d\r\n", vector, i, k, actual[k],
              expected[k]);
        return;
      }
    }
    expected += bytes;
  }
  PRINT("golden %u pass\r\n", vector);
}

void RunAll() {
  const model::Status status = model::Init();
  if (status != model::Status::kOk) {
    FailStatus(0, "init", status);
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
