#include "fake_model.h"

#include <algorithm>

#include "golden_data.h"

// Inputs that begin with their number; outputs of zeros, as the fake gives them unless told
// otherwise.
const unsigned char g_golden_inputs[kGoldenCount][model::kInputBytes] = {{1}, {2}};
const unsigned char g_golden_outputs[kGoldenCount][model::kOutputBytes] = {};
const unsigned char g_golden_tolerances[1] = {};

namespace fake {

void Clear() {
  set_input = invoke = reset = model::Status::kOk;
  for (auto& input : inputs) input.clear();
  for (size_t i = 0; i < model::kOutputCount; ++i) outputs[i].assign(model::kOutputs[i].bytes, 0);
  inferred.clear();
  resets = 0;
  state_changes = 0;
  invokes_left = SIZE_MAX;
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
  ++fake::state_changes;
  if (fake::invokes_left == 0) return Status::kInvoke;
  --fake::invokes_left;
  std::vector<uint8_t> all;
  for (auto& input : fake::inputs) {
    all.insert(all.end(), input.begin(), input.end());
    std::fill(input.begin(), input.end(), uint8_t{0xee});
  }
  if (fake::inferred.size() < 1000) fake::inferred.push_back(all);
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
  ++fake::state_changes;
  return fake::reset;
}

const char* ModelSha256() { return kSha256; }

uint32_t StateChanges() { return fake::state_changes; }

size_t ArenaUsedBytes() { return 12345; }

}  // namespace model
