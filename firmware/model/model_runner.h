// TensorFlow Lite Micro behind a handful of functions: one arena, no heap. Where a firmware has
// several models, these are of the one that models.h says; Init() sets all of them up.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model_types.h"

namespace model {

enum class Status : uint8_t {
  kOk,
  kNotInitialised,
  kSchemaVersion,
  kOpRegistration,
  kArena,
  kAllocateTensors,
  kTensorMismatch,
  kIndex,
  kSize,
  kInvoke,
  kModelFile,
  kModelHash,
  kGolden,
  kReset,
  kCopies,
  kOverwritten,
};

constexpr const char* StatusName(Status status) {
  switch (status) {
    case Status::kOk:
      return "ok";
    case Status::kNotInitialised:
      return "not-initialised";
    case Status::kSchemaVersion:
      return "schema-version";
    case Status::kOpRegistration:
      return "op-registration";
    case Status::kArena:
      return "no-memory-for-the-arena";
    case Status::kAllocateTensors:
      return "allocate-tensors";
    case Status::kTensorMismatch:
      return "tensor-mismatch";
    case Status::kIndex:
      return "index";
    case Status::kSize:
      return "size";
    case Status::kInvoke:
      return "invoke";
    case Status::kModelFile:
      return "model-file";
    case Status::kModelHash:
      return "model-hash";
    case Status::kGolden:
      return "golden-vector";
    case Status::kReset:
      return "reset";
    case Status::kCopies:
      return "no-memory-for-the-copies";
    case Status::kOverwritten:
      return "overwritten-by-another-model";
  }
  return "unknown";
}

// Call once, before everything else; calling it again after success does nothing.
// `keep_alive` is called before each operator of each inference: the place to feed a watchdog while
// an inference lasts for seconds.
Status Init(void (*keep_alive)() = nullptr);

// Copies `n` bytes into input `index`. Do so before every Invoke(): TFLM may reuse the memory of an
// input for later layers.
Status SetInput(size_t index, const uint8_t* bytes, size_t n);

Status Invoke();

// Points `*bytes` at output `index`, valid until the next Invoke().
Status Output(size_t index, const uint8_t** bytes, size_t* n);

// Puts the state that a model keeps between inferences back to its start.
Status Reset();

// Counts the calls of Invoke() and Reset() that may have changed the state that a model keeps: who
// goes on from a state sees whether anybody else has touched it.
uint32_t StateChanges();

// The SHA-256 in hex of the model that is up, or would be after Init().
const char* ModelSha256();

// What the arena really needs, known after Init(); 0 before.
size_t ArenaUsedBytes();

}  // namespace model
