// The compiled model behind the functions that the firmware calls: no interpreter, no heap.
#include "model_runner.h"

#include <cstring>

#include "model.h"
#include "model_config.h"
#include "placement.h"

#if defined(MODEL_ARENA_PSRAM)
extern "C" uint8_t* model_buffer;  // of model.c
#endif

namespace model {
namespace {

void (*g_keep_alive)() = nullptr;
bool g_is_ready = false;
uint32_t g_state_changes = 0;

static_assert(MODEL_INPUTS == kInputCount && MODEL_OUTPUTS == kOutputCount,
              "model.h and model_config.h are of two models");

}  // namespace

Status Init(void (*keep_alive)()) {
  if (g_is_ready) return Status::kOk;
  g_keep_alive = keep_alive;
#if defined(MODEL_ARENA_PSRAM)
  if (model_buffer == nullptr) model_buffer = AllocatePsram(MODEL_BUFFER_BYTES);
  if (model_buffer == nullptr) return Status::kArena;
#endif
  model_reset();
  g_is_ready = true;
  return Status::kOk;
}

Status SetInput(size_t index, const uint8_t* bytes, size_t n) {
  if (!g_is_ready) return Status::kNotInitialised;
  if (index >= kInputCount) return Status::kIndex;
  if (n != kInputs[index].bytes) return Status::kSize;
  std::memcpy(model_input(static_cast<unsigned>(index)), bytes, n);
  return Status::kOk;
}

Status Invoke() {
  if (!g_is_ready) return Status::kNotInitialised;
  ++g_state_changes;
  model_invoke();
  return Status::kOk;
}

Status Output(size_t index, const uint8_t** bytes, size_t* n) {
  if (!g_is_ready) return Status::kNotInitialised;
  if (index >= kOutputCount) return Status::kIndex;
  *bytes = static_cast<const uint8_t*>(model_output(static_cast<unsigned>(index)));
  *n = kOutputs[index].bytes;
  return Status::kOk;
}

Status Reset() {
  if (!g_is_ready) return Status::kNotInitialised;
  ++g_state_changes;
  model_reset();
  return Status::kOk;
}

uint32_t StateChanges() { return g_state_changes; }

const char* ModelSha256() { return kSha256; }

size_t ArenaUsedBytes() { return g_is_ready ? MODEL_BUFFER_BYTES : 0; }

}  // namespace model

// model.c calls this after each operator: the place to feed a watchdog while an inference lasts.
extern "C" void model_observe(unsigned /*op*/) {
  if (model::g_keep_alive != nullptr) model::g_keep_alive();
}
