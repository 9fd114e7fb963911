#include "golden.h"

namespace golden {
namespace {

using model::Status;

Vectors g_vectors = {g_golden_inputs[0], g_golden_outputs[0], kGoldenCount, kGoldenSteps};

Status Infer(const uint8_t* input) {
  Status status = Status::kOk;
  for (size_t i = 0; i < model::kInputCount && status == Status::kOk; ++i) {
    status = model::SetInput(i, input, model::kInputs[i].bytes);
    input += model::kInputs[i].bytes;
  }
  return status == Status::kOk ? model::Invoke() : status;
}

// Compares the answer to one step of a vector; true when every byte is right.
bool IsRight(const uint8_t* expected, Result& result) {
  for (size_t i = 0; i < model::kOutputCount && result.status == Status::kOk; ++i) {
    const uint8_t* actual = nullptr;
    size_t bytes = 0;
    result.status = model::Output(i, &actual, &bytes);
    if (result.status != Status::kOk) return false;
    for (size_t k = 0; k < bytes; ++k) {
      if (actual[k] != expected[k]) {
        result.output = i;
        result.byte = k;
        result.actual = actual[k];
        result.expected = expected[k];
        return false;
      }
    }
    expected += bytes;
  }
  return result.status == Status::kOk;
}

}  // namespace

Vectors BuiltIn() { return {g_golden_inputs[0], g_golden_outputs[0], kGoldenCount, kGoldenSteps}; }

void Use(const Vectors& vectors) { g_vectors = vectors; }

unsigned Count() { return g_vectors.count; }

Result Check(unsigned index) {
  const size_t first = size_t{index} * g_vectors.steps;
  Result result;
  result.status = model::Reset();
  for (unsigned step = 0; step < g_vectors.steps && result.status == Status::kOk; ++step) {
    result.status = Infer(g_vectors.inputs + (first + step) * model::kInputBytes);
    if (!IsRight(g_vectors.outputs + (first + step) * model::kOutputBytes, result)) return result;
  }
  result.pass = result.status == Status::kOk;
  return result;
}

}  // namespace golden
