// Golden vectors: inputs in flash, and the bytes that TensorFlow Lite Micro gave for them on the
// host. This device must give the same. A vector for a model that keeps state is a sequence of
// kGoldenSteps inferences.
#pragma once

#include <cstddef>
#include <cstdint>

#include "golden_data.h"
#include "model_runner.h"

namespace golden {

struct Result {
  bool pass = false;
  model::Status status = model::Status::kOk;  // of the call that failed, if one did

  // The first byte that differs.
  size_t output = 0;
  size_t byte = 0;
  uint8_t actual = 0;
  uint8_t expected = 0;
};

// Runs vector `index`, less than kGoldenCount, from a fresh state. Needs a model that is up.
Result Check(unsigned index);

}  // namespace golden
