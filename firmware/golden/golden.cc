#include "golden.h"

#include <cstring>

namespace golden {
namespace {

using model::Status;

constexpr Vectors kBuiltIn = {g_golden_inputs[0], g_golden_outputs[0], kGoldenCount, kGoldenSteps,
                              kGoldenHasTolerances ? g_golden_tolerances : nullptr};
Vectors g_vectors = kBuiltIn;

Status Infer(const uint8_t* input) {
  Status status = Status::kOk;
  for (size_t i = 0; i < model::kInputCount && status == Status::kOk; ++i) {
    status = model::SetInput(i, input, model::kInputs[i].bytes);
    input += model::kInputs[i].bytes;
  }
  return status == Status::kOk ? model::Invoke() : status;
}

float FloatAt(const uint8_t* bytes) {
  float value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

// How far output `output` of a step may be from what is expected; 0: not at all.
float Tolerance(size_t step, size_t output) {
  if (g_vectors.tolerances == nullptr) return 0;
  return FloatAt(g_vectors.tolerances + (step * model::kOutputCount + output) * sizeof(float));
}

// Whether the float32 that byte `k` is of is near enough.
bool IsNear(const uint8_t* actual, const uint8_t* expected, size_t k, float tolerance) {
  const size_t first = k / sizeof(float) * sizeof(float);
  const float difference = FloatAt(actual + first) - FloatAt(expected + first);
  return difference <= tolerance && difference >= -tolerance;
}

// Compares the answer to one step of a vector; true when every byte is right, or near enough.
bool IsRight(const uint8_t* expected, size_t step, Result& result) {
  for (size_t i = 0; i < model::kOutputCount && result.status == Status::kOk; ++i) {
    const uint8_t* actual = nullptr;
    size_t bytes = 0;
    result.status = model::Output(i, &actual, &bytes);
    if (result.status != Status::kOk) return false;
    const bool is_float = model::kOutputs[i].type == model::ElementType::kFloat32;
    const float tolerance = is_float ? Tolerance(step, i) : 0;
    for (size_t k = 0; k < bytes; ++k) {
      if (actual[k] != expected[k] && !(tolerance > 0 && IsNear(actual, expected, k, tolerance))) {
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

Vectors BuiltIn() { return kBuiltIn; }

void Use(const Vectors& vectors) { g_vectors = vectors; }

unsigned Count() { return g_vectors.count; }

Result Check(unsigned index) {
  const size_t first = size_t{index} * g_vectors.steps;
  Result result;
  result.status = model::Reset();
  for (unsigned step = 0; step < g_vectors.steps && result.status == Status::kOk; ++step) {
    result.status = Infer(g_vectors.inputs + (first + step) * model::kInputBytes);
    if (!IsRight(g_vectors.outputs + (first + step) * model::kOutputBytes, first + step, result))
      return result;
  }
  result.pass = result.status == Status::kOk;
  return result;
}

}  // namespace golden
