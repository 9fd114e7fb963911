#include "golden.h"

namespace golden {
namespace {

using model::Status;

Status Infer(const uint8_t* input) {
  Status status = model::Reset();
  for (size_t i = 0; i < model::kInputCount && status == Status::kOk; ++i) {
    status = model::SetInput(i, input, model::kInputs[i].bytes);
    input += model::kInputs[i].bytes;
  }
  return status == Status::kOk ? model::Invoke() : status;
}

}  // namespace

Result Check(unsigned index) {
  Result result;
  result.status = Infer(g_golden_inputs[index]);
  const uint8_t* expected = g_golden_outputs[index];
  for (size_t i = 0; i < model::kOutputCount && result.status == Status::kOk; ++i) {
    const uint8_t* actual = nullptr;
    size_t bytes = 0;
    result.status = model::Output(i, &actual, &bytes);
    if (result.status != Status::kOk) break;
    for (size_t k = 0; k < bytes; ++k) {
      if (actual[k] != expected[k]) {
        result.output = i;
        result.byte = k;
        result.actual = actual[k];
        result.expected = expected[k];
        return result;
      }
    }
    expected += bytes;
  }
  result.pass = result.status == Status::kOk;
  return result;
}

}  // namespace golden
