// Golden vectors: inputs in flash, and the bytes that TensorFlow Lite Micro gave for them on the
// host. This device must give the same; outputs in float32 may be as far from them as the vectors'
// tolerances say, which are proven for any order in which a kernel may sum. Four bytes of 0xff
// stand for a float32 that the model does not write. A vector for a model that keeps state is a
// sequence of kGoldenSteps inferences. Of several models, those of the one that models.h says.
#pragma once

#include <cstddef>
#include <cstdint>

#include "golden_data.h"
#include "model_runner.h"

namespace golden {

struct Result {
  bool pass = false;
  model::Status status = model::Status::kOk;  // of the call that failed, if one did

  // The first byte that differs, or of the first float32 that differs by too much.
  size_t output = 0;
  size_t byte = 0;
  uint8_t actual = 0;
  uint8_t expected = 0;
};

// Vectors one after the other, of `steps` inferences each.
struct Vectors {
  const uint8_t* inputs;
  const uint8_t* outputs;
  unsigned count;
  unsigned steps;
  const uint8_t* tolerances;  // a float32 for each output of each step; null: none
};

// Those of the firmware's own model, which are used unless told otherwise.
Vectors BuiltIn();

// Says which vectors the model that is up has.
void Use(const Vectors& vectors);

// How many they are.
unsigned Count();

// Runs vector `index`, less than Count(), from a fresh state. Needs a model that is up.
Result Check(unsigned index);

}  // namespace golden
