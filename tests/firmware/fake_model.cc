#include "fake_model.h"

#include <algorithm>

namespace fake {

void Clear() {
  set_input = invoke = reset = model::Status::kOk;
  for (auto& input : inputs) input.clear();
  for (size_t i = 0; i < model::kOutputCount; ++i) outputs[i].assign(model::kOutputs[i].bytes, 0);
  inferred.clear();
  resets = 0;
}

}  // namespace fake

namespace model {

Status Init() { return Status::kOk; }

Status SetInput(size_t index, const uint8_t* bytes, size_t n) {
  if (fake::set_input != Status::kOk) return fake::set_input;
  if (index >= kInputCount) return Status::kIndex;
  if (n != kInputs[index].bytes) return Status::kSize;
  fake::inputs[index].assign(bytes, bytes + n);
  return Status::kOk;
}

// Overwrites its inputs, as TFLM may.
Status Invoke() {
  std::vector<uint8_t> all;
  for (auto& input : fake::inputs) {
    all.insert(all.end(), input.begin(), input.end());
    std::fill(input.begin(), input.end(), uint8_t{0xee});
  }
  fake::inferred.push_back(all);
  return fake::invoke;
}

Status Output(size_t index, const uint8_t** bytes, size_t* n) {
  if (index >= kOutputCount) return Status::kIndex;
  *bytes = fake::outputs[index].data();
  *n = fake::outputs[index].size();
  return Status::kOk;
}

Status Reset() {
  ++fake::resets;
  return fake::reset;
}

size_t ArenaUsedBytes() { return 12345; }

}  // namespace model
