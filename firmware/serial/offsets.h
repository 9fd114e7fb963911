// Inputs side by side, and outputs side by side, as the session keeps them.
#pragma once

#include <cstddef>

#include "model_config.h"

namespace serial {

// Where a tensor lies among others side by side.
constexpr size_t Offset(const model::TensorInfo* tensors, size_t index) {
  size_t offset = 0;
  for (size_t i = 0; i < index; ++i) offset += tensors[i].bytes;
  return offset;
}
constexpr size_t InputOffset(size_t index) { return Offset(model::kInputs, index); }
constexpr size_t OutputOffset(size_t index) { return Offset(model::kOutputs, index); }
static_assert(InputOffset(model::kInputCount) == model::kInputBytes &&
                  OutputOffset(model::kOutputCount) == model::kOutputBytes,
              "model_config.h contradicts itself");

}  // namespace serial
