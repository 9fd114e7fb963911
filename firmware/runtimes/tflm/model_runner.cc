#include "model_runner.h"

#include <cstring>
#include <new>

#include "interpreter.h"
#include "models.h"
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

// The arrays of model_data.cc, of several models in a file each.
#define MODEL_ARRAY(ID) extern const unsigned char g_##ID##_data[];
MODEL_LIST(MODEL_ARRAY)

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

#if defined(MODEL_SHARES_ARENA)
constexpr size_t kSize = kWholeArenaBytes;
#else
constexpr size_t kSize = kArenaBytes;
#endif

#if defined(MODEL_ARENA_PSRAM)
uint8_t* Arena() {
  static uint8_t* const arena = AllocatePsram(kSize);
  return arena;
}
#else
alignas(16) uint8_t g_arena[kSize] MODEL_ARENA_ATTRIBUTE;
uint8_t* Arena() { return g_arena; }
#endif

// Placement new into static storage: constructed when Init() says so, never destroyed, no heap.
alignas(KeepAlive) unsigned char g_keep_alive[sizeof(KeepAlive)];
alignas(Resolver) unsigned char g_resolver[sizeof(Resolver)];
alignas(MicroInterpreter) unsigned char g_interpreters[kModelCount][sizeof(MicroInterpreter)];
const Resolver* g_operators = nullptr;
MicroProfilerInterface* g_profiler = nullptr;
SharedMemory g_memory;

struct Runner {
  const uint8_t* flatbuffer;
  const char* sha256;
  MicroAllocator* allocator;
  MicroInterpreter* interpreter;  // set once the model is up
  uint32_t state_changes;
};
#define MODEL_RUNNER(ID) {g_##ID##_data, ID::kSha256, nullptr, nullptr, 0},
Runner g_runners[] = {MODEL_LIST(MODEL_RUNNER)};
#define MODEL_BUILT_IN(ID) g_##ID##_data,
const uint8_t* const kBuiltIn[] = {MODEL_LIST(MODEL_BUILT_IN)};
#define MODEL_VARIABLES(ID) ID::kVariableCount,
constexpr int kVariableCounts[] = {MODEL_LIST(MODEL_VARIABLES)};

// Those of the model that is meant.
Runner& Mine() { return g_runners[Used()]; }
int VariableCount() { return kVariableCounts[Used()]; }

// The memory that TFLM plans a model in: the whole arena, or, of several models, what all share and
// what this one keeps for good.
MicroAllocator* MakeAllocator() {
#if defined(MODEL_SHARES_ARENA)
#define MODEL_PERSISTENT(ID) ID::kPersistentBytes,
  constexpr size_t kPersistent[] = {MODEL_LIST(MODEL_PERSISTENT)};
  uint8_t* persistent = Arena() + kSharedBytes;
  for (unsigned i = 0; i < Used(); ++i) persistent += kPersistent[i];
  return MicroAllocator::Create(persistent, kPersistent[Used()], Arena(), kSharedBytes);
#else
  return MicroAllocator::Create(Arena(), kSize);
#endif
}

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
  Runner& mine = Mine();
  mine.allocator = MakeAllocator();
  MicroResourceVariables* variables =
      VariableCount() == 0 ? nullptr
                           : MicroResourceVariables::Create(mine.allocator, VariableCount());
  return new (g_interpreters[Used()]) MicroInterpreter(GetModel(mine.flatbuffer), *g_operators,
                                                       mine.allocator, variables, g_profiler);
}

// Once: the interpreters of all models point into the resolver.
Status RegisterOperators() {
  if (g_operators != nullptr) return Status::kOk;
  auto* resolver = new (g_resolver) Resolver();
#define MODEL_REGISTER(add) \
  if (resolver->add != kTfLiteOk) return Status::kOpRegistration;
  MODEL_OPS(MODEL_REGISTER)
#undef MODEL_REGISTER
  g_operators = resolver;
  return Status::kOk;
}

}  // namespace

Status Init(void (*keep_alive)()) {
  for (unsigned number = 0; number < kModelCount; ++number) {
    const Use use(number);
    if (Mine().interpreter != nullptr) continue;
    const Status status = Start(kBuiltIn[number], Known().sha256, keep_alive);
    if (status != Status::kOk) return status;
  }
  return Status::kOk;
}

Status Start(const uint8_t* flatbuffer, const char* sha256, void (*keep_alive)()) {
  if (GetModel(flatbuffer)->version() != TFLITE_SCHEMA_VERSION) return Status::kSchemaVersion;
  Mine().flatbuffer = flatbuffer;
  Mine().sha256 = sha256;
  g_profiler = new (g_keep_alive) KeepAlive(keep_alive);
  const Status status = RegisterOperators();
  if (status != Status::kOk) return status;

  if (Arena() == nullptr) return Status::kArena;
  g_memory.Take();
  MicroInterpreter* interpreter = MakeInterpreter();
  if (interpreter->AllocateTensors() != kTfLiteOk) return Status::kAllocateTensors;

  // Also catches a library that was compiled with another layout of TfLiteTensor than this file.
  const Description& known = Known();
  for (size_t i = 0; i < known.input_count; ++i) {
    if (!Matches(interpreter->input(i), known.inputs[i])) return Status::kTensorMismatch;
  }
  for (size_t i = 0; i < known.output_count; ++i) {
    if (!Matches(interpreter->output(i), known.outputs[i])) return Status::kTensorMismatch;
  }
  Mine().interpreter = interpreter;
  return Status::kOk;
}

void Stop() {
  Runner& mine = Mine();
  if (mine.interpreter != nullptr) mine.interpreter->~MicroInterpreter();
  mine.interpreter = nullptr;
  mine.sha256 = Known().sha256;
  ++mine.state_changes;
}

Status SetInput(size_t index, const uint8_t* bytes, size_t n) {
  if (Mine().interpreter == nullptr) return Status::kNotInitialised;
  if (index >= Known().input_count) return Status::kIndex;
  if (n != Known().inputs[index].bytes) return Status::kSize;
  g_memory.Fill(index);
  std::memcpy(Mine().interpreter->input(index)->data.raw, bytes, n);
  return Status::kOk;
}

Status Invoke() {
  if (Mine().interpreter == nullptr) return Status::kNotInitialised;
  if (!g_memory.IsFilled()) return Status::kOverwritten;
  ++Mine().state_changes;
  return Mine().interpreter->Invoke() == kTfLiteOk ? Status::kOk : Status::kInvoke;
}

Status Output(size_t index, const uint8_t** bytes, size_t* n) {
  if (Mine().interpreter == nullptr) return Status::kNotInitialised;
  if (index >= Known().output_count) return Status::kIndex;
  if (!g_memory.IsOwn()) return Status::kOverwritten;
  *bytes = reinterpret_cast<const uint8_t*>(Mine().interpreter->output(index)->data.raw);
  *n = Known().outputs[index].bytes;
  return Status::kOk;
}

Status Reset() {
  Runner& mine = Mine();
  if (mine.interpreter == nullptr) return Status::kNotInitialised;
  ++mine.state_changes;
  g_memory.Take();
  if (VariableCount() == 0)
    return mine.interpreter->Reset() == kTfLiteOk ? Status::kOk : Status::kReset;
  // TFLM's own reset does not run CALL_ONCE again, which gives variables their first values.
  mine.interpreter->~MicroInterpreter();
  mine.interpreter = MakeInterpreter();
  return mine.interpreter->AllocateTensors() == kTfLiteOk ? Status::kOk : Status::kReset;
}

const char* ModelSha256() { return Mine().sha256; }

uint32_t StateChanges() { return Mine().state_changes; }

size_t ArenaUsedBytes() {
  return Mine().interpreter == nullptr ? 0 : Mine().allocator->used_bytes();
}

}  // namespace model
