#include "model_runner.h"

#include <cstring>
#include <new>

#include "interpreter.h"
#include "model_config.h"
#include "model_data.h"
#include "placement.h"
#include "tensorflow/lite/micro/micro_allocator.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/micro/micro_profiler_interface.h"
#include "tensorflow/lite/micro/micro_resource_variable.h"
#include "tensorflow/lite/schema/schema_generated.h"

// TFLM's classes are in `tflite`, or since autumn 2026 in `tflite::micro`: unqualified names find
// both.
namespace tflite {
namespace micro {}
}  // namespace tflite
using namespace tflite;
using namespace tflite::micro;

namespace model {
namespace {

using Resolver = MicroMutableOpResolver<kOpCount>;

// Invoke() runs the whole model; a profiler is what TFLM lets look in, before and after each
// operator. Nothing is measured here.
class KeepAlive final : public MicroProfilerInterface {
 public:
  explicit KeepAlive(void (*callback)()) : callback_(callback) {}
  uint32_t BeginEvent(const char* /*tag*/) override {
    if (callback_ != nullptr) callback_();
    return 0;
  }
  void EndEvent(uint32_t /*event*/) override {}

 private:
  void (*callback_)();
};

#if defined(MODEL_ARENA_PSRAM)
uint8_t* Arena() {
  static uint8_t* const arena = AllocatePsram(kArenaBytes);
  return arena;
}
#else
alignas(16) uint8_t g_arena[kArenaBytes] MODEL_ARENA_ATTRIBUTE;
uint8_t* Arena() { return g_arena; }
#endif

// Placement new into static storage: constructed when Init() says so, never destroyed, no heap.
alignas(KeepAlive) unsigned char g_keep_alive[sizeof(KeepAlive)];
alignas(Resolver) unsigned char g_resolver[sizeof(Resolver)];
alignas(MicroInterpreter) unsigned char g_interpreter_storage[sizeof(MicroInterpreter)];
const Resolver* g_operators = nullptr;
MicroProfilerInterface* g_profiler = nullptr;
MicroAllocator* g_allocator = nullptr;
MicroInterpreter* g_interpreter = nullptr;  // set once Init() has succeeded
uint32_t g_state_changes = 0;
const uint8_t* g_flatbuffer = g_model_data;
const char* g_sha256 = kSha256;

TfLiteType TypeOf(const TensorInfo& info) {
  switch (info.type) {
    case ElementType::kInt8:
      return kTfLiteInt8;
    case ElementType::kInt16:
      return kTfLiteInt16;
    case ElementType::kUInt8:
      return kTfLiteUInt8;
    case ElementType::kInt32:
      return kTfLiteInt32;
    case ElementType::kFloat32:
      return kTfLiteFloat32;
    case ElementType::kBool:
      return kTfLiteBool;
  }
  return kTfLiteNoType;
}

bool Matches(const TfLiteTensor* tensor, const TensorInfo& info) {
  return tensor != nullptr && tensor->type == TypeOf(info) && tensor->bytes == info.bytes &&
         tensor->params.scale == info.scale && tensor->params.zero_point == info.zero_point;
}

// Lays an interpreter out in the arena, over what was there.
MicroInterpreter* MakeInterpreter() {
  g_allocator = MicroAllocator::Create(Arena(), kArenaBytes);
  MicroResourceVariables* variables =
      kVariableCount == 0 ? nullptr : MicroResourceVariables::Create(g_allocator, kVariableCount);
  return new (g_interpreter_storage)
      MicroInterpreter(GetModel(g_flatbuffer), *g_operators, g_allocator, variables, g_profiler);
}

}  // namespace

Status Init(void (*keep_alive)()) {
  return g_interpreter != nullptr ? Status::kOk : Start(g_model_data, kSha256, keep_alive);
}

Status Start(const uint8_t* flatbuffer, const char* sha256, void (*keep_alive)()) {
  if (GetModel(flatbuffer)->version() != TFLITE_SCHEMA_VERSION) return Status::kSchemaVersion;
  g_flatbuffer = flatbuffer;
  g_sha256 = sha256;

  auto* resolver = new (g_resolver) Resolver();
  g_operators = resolver;
  g_profiler = new (g_keep_alive) KeepAlive(keep_alive);
#define MODEL_REGISTER(add) \
  if (resolver->add != kTfLiteOk) return Status::kOpRegistration;
  MODEL_OPS(MODEL_REGISTER)
#undef MODEL_REGISTER

  if (Arena() == nullptr) return Status::kArena;
  MicroInterpreter* interpreter = MakeInterpreter();
  if (interpreter->AllocateTensors() != kTfLiteOk) return Status::kAllocateTensors;

  // Also catches a library that was compiled with another layout of TfLiteTensor than this file.
  for (size_t i = 0; i < kInputCount; ++i) {
    if (!Matches(interpreter->input(i), kInputs[i])) return Status::kTensorMismatch;
  }
  for (size_t i = 0; i < kOutputCount; ++i) {
    if (!Matches(interpreter->output(i), kOutputs[i])) return Status::kTensorMismatch;
  }
  g_interpreter = interpreter;
  return Status::kOk;
}

void Stop() {
  if (g_interpreter != nullptr) g_interpreter->~MicroInterpreter();
  g_interpreter = nullptr;
  g_sha256 = kSha256;
  ++g_state_changes;
}

Status SetInput(size_t index, const uint8_t* bytes, size_t n) {
  if (g_interpreter == nullptr) return Status::kNotInitialised;
  if (index >= kInputCount) return Status::kIndex;
  if (n != kInputs[index].bytes) return Status::kSize;
  std::memcpy(g_interpreter->input(index)->data.raw, bytes, n);
  return Status::kOk;
}

Status Invoke() {
  if (g_interpreter == nullptr) return Status::kNotInitialised;
  ++g_state_changes;
  return g_interpreter->Invoke() == kTfLiteOk ? Status::kOk : Status::kInvoke;
}

Status Output(size_t index, const uint8_t** bytes, size_t* n) {
  if (g_interpreter == nullptr) return Status::kNotInitialised;
  if (index >= kOutputCount) return Status::kIndex;
  *bytes = reinterpret_cast<const uint8_t*>(g_interpreter->output(index)->data.raw);
  *n = kOutputs[index].bytes;
  return Status::kOk;
}

Status Reset() {
  if (g_interpreter == nullptr) return Status::kNotInitialised;
  ++g_state_changes;
  if (kVariableCount == 0)
    return g_interpreter->Reset() == kTfLiteOk ? Status::kOk : Status::kReset;
  // TFLM's own reset does not run CALL_ONCE again, which gives variables their first values.
  g_interpreter->~MicroInterpreter();
  g_interpreter = MakeInterpreter();
  return g_interpreter->AllocateTensors() == kTfLiteOk ? Status::kOk : Status::kReset;
}

const char* ModelSha256() { return g_sha256; }

uint32_t StateChanges() { return g_state_changes; }

size_t ArenaUsedBytes() { return g_interpreter == nullptr ? 0 : g_allocator->used_bytes(); }

}  // namespace model
