// Inputs side by side, and outputs side by side, as the session keeps them: of the model that is
// meant.
#pragma once

#include <cstddef>

#include "models.h"

namespace serial {

// Where a tensor lies among others side by side.
constexpr size_t Offset(const model::TensorInfo* tensors, size_t index) {
  size_t offset = 0;
  for (size_t i = 0; i < index; ++i) offset += tensors[i].bytes;
  return offset;
}
inline size_t InputOffset(size_t index) { return Offset(model::Known().inputs, index); }
inline size_t OutputOffset(size_t index) { return Offset(model::Known().outputs, index); }

constexpr bool IsSound() {
  for (const model::Description& known : model::kModels) {
    if (Offset(known.inputs, known.input_count) != known.input_bytes) return false;
    if (Offset(known.outputs, known.output_count) != known.output_bytes) return false;
  }
  return true;
}
static_assert(IsSound(), "model_config.h contradicts itself");

}  // namespace serial
