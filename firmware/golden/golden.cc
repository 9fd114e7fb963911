#include "golden.h"

#include <cstring>

#include "models.h"

namespace golden {
namespace {

using model::Status;

// X(INPUTS, OUTPUTS, COUNT, STEPS, TOLERANCES) for each model; golden_data.h defines it for
// several.
#ifndef GOLDEN_LIST
#define GOLDEN_LIST(X)                                             \
  X(g_golden_inputs, g_golden_outputs, kGoldenCount, kGoldenSteps, \
    kGoldenHasTolerances ? g_golden_tolerances : nullptr)
#endif
#define GOLDEN_VECTORS(INPUTS, OUTPUTS, COUNT, STEPS, TOLERANCES) \
  {(INPUTS)[0], (OUTPUTS)[0], COUNT, STEPS, TOLERANCES},
constexpr Vectors kBuiltIn[] = {GOLDEN_LIST(GOLDEN_VECTORS)};
Vectors g_vectors[] = {GOLDEN_LIST(GOLDEN_VECTORS)};

Vectors& Mine() { return g_vectors[model::Used()]; }

Status Infer(const uint8_t* input) {
  Status status = Status::kOk;
  const model::Description& known = model::Known();
  for (size_t i = 0; i < known.input_count && status == Status::kOk; ++i) {
    status = model::SetInput(i, input, known.inputs[i].bytes);
    input += known.inputs[i].bytes;
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
  const uint8_t* tolerances = Mine().tolerances;
  if (tolerances == nullptr) return 0;
  return FloatAt(tolerances + (step * model::Known().output_count + output) * sizeof(float));
}

// Whether the float32 that byte `k` is of is near enough.
bool IsNear(const uint8_t* actual, const uint8_t* expected, size_t k, float tolerance) {
  const size_t first = k / sizeof(float) * sizeof(float);
  const float difference = FloatAt(actual + first) - FloatAt(expected + first);
  return difference <= tolerance && difference >= -tolerance;
}

// Whether the model left the float32 that byte `k` is of unwritten, so that any value is right.
bool IsUnwritten(const uint8_t* expected, size_t k) {
  static const uint8_t kAny[sizeof(float)] = {0xff, 0xff, 0xff, 0xff};
  return std::memcmp(expected + k / sizeof(float) * sizeof(float), kAny, sizeof(float)) == 0;
}

// Compares the answer to one step of a vector; true when every byte is right, or near enough.
bool IsRight(const uint8_t* expected, size_t step, Result& result) {
  for (size_t i = 0; i < model::Known().output_count && result.status == Status::kOk; ++i) {
    const uint8_t* actual = nullptr;
    size_t bytes = 0;
    result.status = model::Output(i, &actual, &bytes);
    if (result.status != Status::kOk) return false;
    const bool is_float = model::kOutputs[i].type == model::ElementType::kFloat32;
    const float tolerance = is_float ? Tolerance(step, i) : 0;
    for (size_t k = 0; k < bytes; ++k) {
      if (actual[k] != expected[k] && !(is_float && IsUnwritten(expected, k)) &&
          !(tolerance > 0 && IsNear(actual, expected, k, tolerance))) {
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

Vectors BuiltIn() { return kBuiltIn[model::Used()]; }

void Use(const Vectors& vectors) { Mine() = vectors; }

unsigned Count() { return Mine().count; }

Result Check(unsigned index) {
  const Vectors& vectors = Mine();
  const size_t first = size_t{index} * vectors.steps;
  Result result;
  result.status = model::Reset();
  const size_t output_bytes = model::Known().output_bytes;
  for (unsigned step = 0; step < vectors.steps && result.status == Status::kOk; ++step) {
    result.status = Infer(vectors.inputs + (first + step) * model::Known().input_bytes);
    if (!IsRight(vectors.outputs + (first + step) * output_bytes, first + step, result)) {
      return result;
    }
  }
  result.pass = result.status == Status::kOk;
  return result;
}

}  // namespace golden
