// A stand-in for TFLM behind model_runner.h, which tests look into and make fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model_config.h"
#include "model_runner.h"

namespace fake {

// What a test arranges: each status is what the function of that name answers. After `invokes_left`
// inferences Invoke() fails, so that no command of a fuzzer takes for ever.
inline size_t invokes_left = SIZE_MAX;
inline model::Status set_input = model::Status::kOk;
inline model::Status invoke = model::Status::kOk;
inline model::Status reset = model::Status::kOk;
inline std::vector<uint8_t> outputs[model::kOutputCount];

// What a test finds out. `inferred` has the inputs of each Invoke(), up to a thousand.
inline std::vector<uint8_t> inputs[model::kInputCount];
inline std::vector<std::vector<uint8_t>> inferred;
inline int resets = 0;
inline uint32_t state_changes = 0;

void Clear();

}  // namespace fake
