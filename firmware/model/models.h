// The models of this firmware by their numbers, and which of them the functions of model_runner.h
// are of: the first, unless a `Use` says otherwise.
//
// All models share the memory of their inputs, outputs and everything in between; what each keeps
// between inferences is its own. So fill a model's inputs, infer and read its outputs before
// another model gets its turn: what another has overwritten is refused (Status::kOverwritten).
#pragma once

#include <cstddef>
#include <cstdint>

#include "model_config.h"
#include "model_types.h"

// X(NAMESPACE) for each model, in the order of their numbers. A firmware of one model has what is
// known of it in the namespace `model` itself.
#ifndef MODEL_LIST
#define MODEL_LIST(X) X(model)
#endif

namespace model {

// What model_config.h says of a model.
struct Description {
  const char* name;
  const char* sha256;
  size_t arena_bytes;
  const TensorInfo* inputs;
  size_t input_count;
  size_t input_bytes;
  const TensorInfo* outputs;
  size_t output_count;
  size_t output_bytes;
  bool stateful;
  const char* const* labels;
  size_t label_count;
};

#define MODEL_DESCRIPTION(ID)                                            \
  {ID::kName,        ID::kSha256,     ID::kArenaBytes, ID::kInputs,      \
   ID::kInputCount,  ID::kInputBytes, ID::kOutputs,    ID::kOutputCount, \
   ID::kOutputBytes, ID::kStateful,   ID::kLabels,     ID::kLabelCount},
inline constexpr Description kModels[] = {MODEL_LIST(MODEL_DESCRIPTION)};
#undef MODEL_DESCRIPTION
inline constexpr unsigned kModelCount = sizeof(kModels) / sizeof(kModels[0]);

// The largest value that a member has in any model.
constexpr size_t Largest(size_t Description::* member) {
  size_t largest = 0;
  for (const Description& model : kModels) {
    if (model.*member > largest) largest = model.*member;
  }
  return largest;
}

inline unsigned g_used = 0;  // change it by a Use only

// The number of the model that is meant.
inline unsigned Used() { return kModelCount == 1 ? 0 : g_used; }

// What is known of it.
inline const Description& Known() { return kModels[Used()]; }

// While a Use is in scope, model `number` is meant; after it, the model that was before.
class Use {
 public:
  explicit Use(unsigned number) : before_(Used()) {
    if (kModelCount > 1) g_used = number;
  }
  ~Use() {
    if (kModelCount > 1) g_used = before_;
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  unsigned before_;
};

// Whose inputs and outputs lie in the memory that the models share. With one model nobody else can
// have overwritten them.
class SharedMemory {
 public:
  // The model that is meant is about to write there.
  void Take() {
    if (kModelCount == 1 || owner_ == Used()) return;
    owner_ = Used();
    for (bool& is_filled : filled_) is_filled = false;
  }

  void Fill(size_t input) {
    Take();
    filled_[input] = true;
  }

  bool IsOwn() const { return kModelCount == 1 || owner_ == Used(); }

  // Whether all inputs of the model that is meant are there.
  bool IsFilled() const {
    for (size_t i = 0; kModelCount > 1 && i < Known().input_count; ++i) {
      if (!filled_[i]) return false;
    }
    return IsOwn();
  }

 private:
  unsigned owner_ = kModelCount;  // nobody
  bool filled_[Largest(&Description::input_count)] = {};
};

}  // namespace model
