// What the program that loads this firmware asks of it before it runs. microgen_selftest() runs a
// model whose answer is known, to find out whether tflm_api.h still describes the TFLM that it was
// linked against; it returns what differs, or "".
#include <cstring>

#include "model_config.h"
#include "selftest_model.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

#ifndef MODEL_LIST  // one model
#define MODEL_LIST(X) X(model)
#endif
#define MODEL_ARRAY(ID)                       \
  extern const unsigned char g_##ID##_data[]; \
  extern const unsigned int g_##ID##_data_size;
MODEL_LIST(MODEL_ARRAY)
#undef MODEL_ARRAY

#define MICROGEN_EXPORT extern "C" __attribute__((visibility("default")))

using namespace tflite;
using namespace tflite::micro;

namespace {

alignas(16) uint8_t g_arena[4096];

template <size_t kRank>
bool HasShape(const TfLiteTensor& tensor, const int (&dims)[kRank]) {
  return tensor.dims->size == static_cast<int>(kRank) &&
         std::memcmp(tensor.dims->data, dims, sizeof(dims)) == 0;
}

bool IsInt8(const TfLiteTensor& tensor, size_t bytes, float scale, int32_t zero_point) {
  return tensor.type == kTfLiteInt8 && tensor.bytes == bytes && tensor.params.scale == scale &&
         tensor.params.zero_point == zero_point;
}

// What differs; null when nothing does.
const char* Difference() {
  const Model* model = GetModel(kSelfTestModel);
  if (model->version() != TFLITE_SCHEMA_VERSION) return "the model's version is misread";

  MicroMutableOpResolver<2> resolver;
  if (resolver.AddFullyConnected() != kTfLiteOk || resolver.AddReshape() != kTfLiteOk) {
    return "ops cannot be registered";
  }
  MicroAllocator* allocator = MicroAllocator::Create(g_arena, sizeof(g_arena));
  MicroInterpreter interpreter(model, resolver, allocator, nullptr, nullptr);
  if (interpreter.AllocateTensors() != kTfLiteOk) return "tensors cannot be allocated";
  const size_t used = allocator->used_bytes();
  if (used == 0 || used > sizeof(g_arena)) return "the arena's use is misread";

  const TfLiteTensor* input = interpreter.input(0);
  const TfLiteTensor* output = interpreter.output(0);
  if (input == nullptr || !IsInt8(*input, sizeof(kSelfTestInput), 0.5f, 1) ||
      !HasShape(*input, {1, 4})) {
    return "the input tensor is misread";
  }
  if (output == nullptr || !IsInt8(*output, sizeof(kSelfTestOutput), 0.5f, -7) ||
      !HasShape(*output, {3})) {
    return "the output tensor is misread";
  }

  std::memcpy(input->data.raw, kSelfTestInput, sizeof(kSelfTestInput));
  if (interpreter.Reset() != kTfLiteOk) return "the state cannot be reset";
  if (interpreter.Invoke() != kTfLiteOk) return "the model cannot be invoked";
  if (std::memcmp(output->data.raw, kSelfTestOutput, sizeof(kSelfTestOutput)) != 0) {
    return "the answer is wrong";
  }
  return nullptr;
}

}  // namespace

MICROGEN_EXPORT const char* microgen_selftest() {
  const char* difference = Difference();
  return difference == nullptr ? "" : difference;
}

MICROGEN_EXPORT const unsigned char* microgen_model_data(unsigned number, size_t* n) {
  struct Array {
    const unsigned char* bytes;
    size_t n;
  };
#define MODEL_ARRAY(ID) {g_##ID##_data, g_##ID##_data_size},
  const Array arrays[] = {MODEL_LIST(MODEL_ARRAY)};
  if (number >= sizeof(arrays) / sizeof(arrays[0])) return nullptr;
  *n = arrays[number].n;
  return arrays[number].bytes;
}
