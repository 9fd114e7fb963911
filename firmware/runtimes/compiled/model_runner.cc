// The compiled model behind the functions that the firmware calls: no interpreter, no heap.
#include "model_runner.h"

#include <cstring>

#include "models.h"
#include "placement.h"

#if defined(MODEL_ARENA_PSRAM)
extern "C" uint8_t* model_buffer;  // of model.c
#endif

// What the models' inputs, outputs and everything in between lie in, where several share it.
#ifdef MODEL_SHARED_BYTES
extern "C" {
extern uint8_t model_shared[MODEL_SHARED_BYTES];
alignas(16) uint8_t model_shared[MODEL_SHARED_BYTES] MODEL_ARENA_ATTRIBUTE;
}
#endif

namespace model {
namespace {

void (*g_keep_alive)() = nullptr;
bool g_is_ready = false;
uint32_t g_state_changes[kModelCount] = {};
SharedMemory g_memory;

// The functions of a generated C file.
struct Functions {
  void* (*input)(unsigned);
  const void* (*output)(unsigned);
  void (*invoke)();
  void (*reset)();
};
#define MODEL_FUNCTIONS(ID) {ID##_input, ID##_output, ID##_invoke, ID##_reset},
constexpr Functions kFunctions[] = {MODEL_LIST(MODEL_FUNCTIONS)};

// Those of the model that is meant.
const Functions& Mine() { return kFunctions[Used()]; }

#ifdef MODEL_INPUTS
static_assert(MODEL_INPUTS == kInputCount && MODEL_OUTPUTS == kOutputCount,
              "model.h and model_config.h are of two models");
#endif

}  // namespace

Status Init(void (*keep_alive)()) {
  if (g_is_ready) return Status::kOk;
  g_keep_alive = keep_alive;
#if defined(MODEL_ARENA_PSRAM)
  if (model_buffer == nullptr) model_buffer = AllocatePsram(MODEL_BUFFER_BYTES);
  if (model_buffer == nullptr) return Status::kArena;
#endif
  for (const Functions& functions : kFunctions) functions.reset();
  g_is_ready = true;
  return Status::kOk;
}

Status SetInput(size_t index, const uint8_t* bytes, size_t n) {
  if (!g_is_ready) return Status::kNotInitialised;
  if (index >= Known().input_count) return Status::kIndex;
  if (n != Known().inputs[index].bytes) return Status::kSize;
  g_memory.Fill(index);
  std::memcpy(Mine().input(static_cast<unsigned>(index)), bytes, n);
  return Status::kOk;
}

Status Invoke() {
  if (!g_is_ready) return Status::kNotInitialised;
  if (!g_memory.IsFilled()) return Status::kOverwritten;
  ++g_state_changes[Used()];
  Mine().invoke();
  return Status::kOk;
}

Status Output(size_t index, const uint8_t** bytes, size_t* n) {
  if (!g_is_ready) return Status::kNotInitialised;
  if (index >= Known().output_count) return Status::kIndex;
  if (!g_memory.IsOwn()) return Status::kOverwritten;
  *bytes = static_cast<const uint8_t*>(Mine().output(static_cast<unsigned>(index)));
  *n = Known().outputs[index].bytes;
  return Status::kOk;
}

Status Reset() {
  if (!g_is_ready) return Status::kNotInitialised;
  ++g_state_changes[Used()];
  g_memory.Take();
  Mine().reset();
  return Status::kOk;
}

uint32_t StateChanges() { return g_state_changes[Used()]; }

const char* ModelSha256() { return Known().sha256; }

size_t ArenaUsedBytes() { return g_is_ready ? Known().arena_bytes : 0; }

}  // namespace model

// The generated C calls this after each operator: the place to feed a watchdog while an inference
// lasts.
extern "C" void model_observe(unsigned /*op*/) {
  if (model::g_keep_alive != nullptr) model::g_keep_alive();
}
