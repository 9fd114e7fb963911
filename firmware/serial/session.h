// The serial commands: MLPerf Tiny's protocol for a device under test, and a few of our own.
//
// The application may run inferences of its own between two calls of Feed(): inputs, outputs and
// counts of the commands are kept here. A model with state has only one state, though: if somebody
// else has inferred or reset since `reset%`, an inference is refused rather than answered wrongly.
//
// A program without a Session has no such copies; placement.h says where they lie.
//
// Bytes in, bytes out: this knows no UART but platform_write(), allocates nothing, and answers any
// input with `m-ready`.
// A command ends with `%`; `help%` lists them all. On a line that damages bytes, a command is sent
// as `#CRC TAG COMMAND%`: see Unwrap(). In a firmware of several models, `@NAME COMMAND%` is for
// the model of that name, and what names none is for the first. Inputs that were loaded and outputs
// are kept for the model that was named last.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model_runner.h"
#include "models.h"
#include "writer.h"

#ifndef MICROGEN_COMMAND_BYTES
#define MICROGEN_COMMAND_BYTES 128  // MLPerf's host sends 31 bytes of hex, ours 48
#endif

namespace serial {

// What an application may change of the commands, for the first model. A null function leaves them
// as they are.
struct Hooks {
  // Turns one byte of `db load N` into the byte of the input, where N is the size of the input
  // itself. Not called for `db load N raw`.
  uint8_t (*convert)(size_t input, uint8_t byte);
  // Takes the number that one element of an input stands for, as it was loaded.
  void (*loaded)(size_t input, size_t element, float value);
  // Prints what stands between the brackets of `m-results-[...]`. Returns false, and prints
  // nothing, for the elements of the output as numbers.
  bool (*results)(size_t output, const uint8_t* bytes, Writer* out);
  // Checks what the application makes of a sensor's values. Returns whether it is right; else it
  // has printed `m-selftest-[` and what stands behind it, but for the last bracket.
  bool (*selftest)(Writer* out);
  // Carries out a command of the application's own. `rest`: what follows its name, to cut words out
  // of. Returns false, and prints nothing, where the application has none of this name.
  bool (*command)(const char* name, char* rest, Writer* out) = nullptr;
  // What `help` says of these commands.
  const char* help = nullptr;
};

#ifdef MICROGEN_RELEASE

// A firmware without serial commands: a program that was written for them goes on compiling, and
// the linker drops what only they call, golden vectors among it.
inline void PrintModel() {}

class Session {
 public:
  void Begin(model::Status, const Hooks& = {}) {}
  void Feed(const uint8_t*, size_t) {}
};

#else

// Prints a line for each model, which says what this firmware is.
void PrintModel();

class Session {
 public:
  // `init_status` is what model::Init() returned; a failed model is reported, not hidden.
  void Begin(model::Status init_status, const Hooks& hooks = {});

  // Takes the bytes that have arrived, and carries out the commands that they complete.
  void Feed(const uint8_t* bytes, size_t n);

 private:
  static constexpr size_t kCommandBytes = MICROGEN_COMMAND_BYTES;

  struct Command {
    const char* name;
    void (Session::*run)();
    const char* help;
  };
  static const Command kCommands[];

  // What the bytes of a transfer are: the tensor's own, or something to make them of.
  enum class Format : uint8_t { kRaw, kFloats, kConverted };

  // One transfer by `db load` and `db HH..`.
  struct Load {
    size_t input = 0;
    uint32_t expected = 0;  // bytes on the wire; 0: no transfer asked for yet
    uint32_t received = 0;
    uint32_t crc = 0;  // of the bytes received
    Format format = Format::kRaw;
    uint8_t pending[sizeof(float)] = {};  // a float that is still arriving
  };

  void Execute();
  bool Unwrap(const char** tag);
  void Dispatch();
  bool FindModel(const char* name, unsigned* number);
  void Hold(unsigned number);
  const Hooks& MyHooks() const;
  const char* NextWord();
  bool NextIndex(size_t count, size_t* index);
  bool NextCount(const char* what, uint32_t least, uint32_t* count);

  void Help();
  void Name();
  void Profile();
  void Timestamp();
  void Db();
  void Infer();
  void Results();
  void Label();
  void SelectInput();
  void Output();
  void Crc();
  void Arena();
  void Hash();
  void Reset();
  void Time();
  void SelfTest();

  void DbLoad();
  void DbPrint();
  void DbBytes(const char* hex);
  void Store(uint8_t byte);

  bool HasCopies();
  bool ReadyToInfer();
  model::Status Run(uint32_t count);
  void PrintResults(size_t index);
  bool KeepOutputs();
  bool ResetModel();
  bool FetchOutput(size_t index, const uint8_t** bytes, size_t* n);
  void PrintTime(uint64_t time_us);

  void Error(const char* text);
  bool Ok(model::Status status);

  // Everything starts as zero, so that a static Session takes no room in flash.
  Hooks hooks_ = {};
  Writer out_;
  model::Status init_status_ = {};

  char command_[kCommandBytes + 1] = {};
  size_t command_size_ = 0;
  bool too_long_ = false;
  char* cursor_ = nullptr;  // where NextWord() goes on

  unsigned held_ = 0;  // the model that all of this is of, but for what each has its own
  size_t selected_input_ = 0;
  Load load_;
  bool loaded_[model::Largest(&model::Description::input_count)] = {};
  bool inferred_ = false;
  uint32_t inferred_crc_ = 0;  // of all inputs of the last inference
  // Of each model: its inferences, and model::StateChanges() after the last command that changed
  // its state.
  uint32_t runs_since_reset_[model::kModelCount] = {};
  uint32_t state_changes_[model::kModelCount] = {};

  // All inputs side by side. Outside the arena, because TFLM may overwrite an input tensor while it
  // infers, so that each inference needs its input anew. Null before Begin(), and where a board has
  // no memory for it.
  uint8_t* input_ = nullptr;

  // All outputs of the last inference side by side. The application, which runs between two
  // commands, may infer too: the model's own outputs are then those of another input.
  uint8_t* output_ = nullptr;
};

#endif  // MICROGEN_RELEASE

}  // namespace serial
