#ifndef MICROGEN_RELEASE

#include "session.h"

#include <cstring>

#include "crc32.h"
#include "golden.h"
#include "offsets.h"
#include "parse.h"
#include "placement.h"
#include "platform.h"

namespace serial {
namespace {

using model::Known;
using model::TensorInfo;
using model::Used;

constexpr bool kSeveral = model::kModelCount > 1;

// Bounds how long one command can keep the board busy.
constexpr uint32_t kMaxInferences = 1000000;

// What sessions keep of inputs and outputs, side by side; null where there is no memory for it.
constexpr size_t kInputBytes = model::Largest(&model::Description::input_bytes);
constexpr size_t kOutputBytes = model::Largest(&model::Description::output_bytes);
#if defined(MODEL_COPIES_PSRAM)
uint8_t* Copies() {
  static uint8_t* const copies = model::AllocatePsram(kInputBytes + kOutputBytes);
  return copies;
}
#else
uint8_t g_copies[kInputBytes + kOutputBytes] MODEL_COPIES_ATTRIBUTE;
uint8_t* Copies() { return g_copies; }
#endif

// Enough decimals to tell an output's neighbouring values apart, and at least three.
int Decimals(const TensorInfo& tensor) {
  if (tensor.type == model::ElementType::kFloat32) return 9;
  int decimals = 3;
  float step = 1e-3f;
  while (tensor.scale > 0 && step > tensor.scale / 2 && decimals < 12) {
    step /= 10;
    ++decimals;
  }
  return decimals;
}

}  // namespace

const Session::Command Session::kCommands[] = {
    {"help", &Session::Help, "help         : Print this information"},
    {"name", &Session::Name, "name         : Print the name of the device"},
    {"profile", &Session::Profile, "profile      : Print the protocol and the model"},
    {"timestamp", &Session::Timestamp, "timestamp    : Print the time in microseconds"},
    {"db", &Session::Db,
     "db SUBCMD    : Fill the chosen input\r\n"
     "  load N     : Expect N bytes: the tensor's own, or float32 for a quantized tensor\r\n"
     "  load N raw : Expect the tensor's own bytes, even where pixels are usual\r\n"
     "  HH[HH]*    : Take bytes in hex until N have come\r\n"
     "  print      : Print the input in hex"},
    {"infer", &Session::Infer,
     "infer N W    : Time N inferences (1) after W to warm up (10), print the results"},
    {"time", &Session::Time,
     "time N W     : Time each of N inferences (1) after W to warm up (10)"},
    {"results", &Session::Results, "results I    : Print output I (0) as numbers"},
    {"label", &Session::Label, "label        : Print the label of the largest element of output 0"},
    {"input", &Session::SelectInput, "input I      : Choose the input that `db` fills (0)"},
    {"output", &Session::Output,
     "output I     : Print output I (0): its bytes in hex, their CRC-32, the CRC-32 of all "
     "inputs\r\n"
     "               that gave it, and the number of inferences since `reset`"},
    {"crc", &Session::Crc,
     "crc          : Print the last load's input, bytes expected and received, and their CRC-32"},
    {"arena", &Session::Arena, "arena        : Print the arena's bytes used, and its size"},
    {"hash", &Session::Hash, "hash         : Print the SHA-256 of the model"},
    {"reset", &Session::Reset, "reset        : Put the model's state back to its start"},
    {"selftest", &Session::SelfTest,
     "selftest     : Run the golden vectors and compare the outputs"},
};

void PrintModel() {
  for (unsigned number = 0; number < model::kModelCount; ++number) {
    const model::Use use(number);
    Writer out;
    out.Text("microgen: ").Text(Known().name).Text(" on ").Text(model::kBoard);
    out.Text(", model ").Text(model::ModelSha256());
    out.Text(", arena ").Unsigned(Known().arena_bytes).Text(" bytes").Line();
  }
}

void Session::Begin(model::Status init_status, const Hooks& hooks) {
  hooks_ = hooks;
  init_status_ = init_status;
  input_ = Copies();
  if (input_ != nullptr) {
    output_ = input_ + kInputBytes;
  } else if (init_status_ == model::Status::kOk) {
    init_status_ = model::Status::kCopies;
  }
  if (Ok(init_status_) && model::kSelfTestAtBoot) {
    for (unsigned number = 0; number < model::kModelCount; ++number) {
      const model::Use use(number);
      Hold(number);
      SelfTest();
    }
  }
  out_.Text("m-init-done").Line();
  out_.Text("m-ready").Line();
}

void Session::Feed(const uint8_t* bytes, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const char c = static_cast<char>(bytes[i]);
    if (c == '%') {
      Execute();
    } else if (command_size_ == 0 && IsSpace(c)) {
      // A terminal's line ends between commands.
    } else if (command_size_ < kCommandBytes) {
      command_[command_size_++] = c;
    } else {
      too_long_ = true;
    }
  }
}

// A bare `%` is answered too, so that a client can find back into step.
void Session::Execute() {
  // A NUL would hide what comes after it.
  for (size_t i = 0; i < command_size_; ++i) {
    if (command_[i] == '\0') command_[i] = '?';
  }
  command_[command_size_] = '\0';
  cursor_ = command_;
  const char* tag = nullptr;
  if (too_long_) {
    Error("Command too long");
  } else if (Unwrap(&tag)) {
    Dispatch();
  }
  if (tag != nullptr) {
    const uint32_t crc = out_.CrcOfLines();
    out_.Text("m-check-[").Quoted(tag).Char(',').Hex(crc, 8).Char(']').Line();
  }
  command_size_ = 0;
  too_long_ = false;
  out_.Text("m-ready").Line();
}

// A command may come as `#CRC TAG COMMAND`, with the CRC-32 of `TAG COMMAND`: it is carried out if
// it arrived whole, and a last line `m-check-[TAG,CRC]` seals the answer, with the CRC-32 of the
// tag and the answer's lines.
bool Session::Unwrap(const char** tag) {
  if (command_[0] != '#') return true;
  const char* sum = NextWord() + 1;
  uint32_t crc = 0;
  if (!ParseCrc(sum, &crc) || Crc32(0, cursor_, std::strlen(cursor_)) != crc) {
    Error("Damaged command");
    return false;
  }
  *tag = NextWord();
  if (*tag == nullptr) {
    Error("Checked command without a tag");
    return false;
  }
  out_.StartCrc(Crc32(0, *tag, std::strlen(*tag)));
  return true;
}

void Session::Dispatch() {
  const char* name = NextWord();
  if (name == nullptr) return;
  unsigned number = 0;
  if (kSeveral && *name == '@') {
    if (!FindModel(name + 1, &number)) return;
    name = NextWord();
    if (name == nullptr) return;
  }
  const model::Use use(number);
  Hold(number);
  for (const Command& command : kCommands) {
    if (std::strcmp(command.name, name) == 0) return (this->*command.run)();
  }
  if (MyHooks().command != nullptr && MyHooks().command(name, cursor_, &out_)) return;
  out_.Text("e-[Unknown command: ").Quoted(name).Char(']').Line();
}

bool Session::FindModel(const char* name, unsigned* number) {
  for (unsigned i = 0; i < model::kModelCount; ++i) {
    if (std::strcmp(model::kModels[i].name, name) != 0) continue;
    *number = i;
    return true;
  }
  out_.Text("e-[Unknown model: ").Quoted(name).Char(']').Line();
  return false;
}

// Lets go of another model's inputs and outputs.
void Session::Hold(unsigned number) {
  if (!kSeveral || held_ == number) return;
  held_ = number;
  selected_input_ = 0;
  load_ = Load();
  for (bool& loaded : loaded_) loaded = false;
  inferred_ = false;
}

// An application is made for the first model.
const Hooks& Session::MyHooks() const {
  static constexpr Hooks kNone = {};
  return kSeveral && held_ != 0 ? kNone : hooks_;
}

const char* CutWord(char** cursor) {
  while (IsSpace(**cursor)) ++*cursor;
  if (**cursor == '\0') return nullptr;
  const char* word = *cursor;
  while (**cursor != '\0' && !IsSpace(**cursor)) ++*cursor;
  if (**cursor != '\0') *(*cursor)++ = '\0';
  return word;
}

// Cuts the next word out of the command; null at its end.
const char* Session::NextWord() { return CutWord(&cursor_); }

// The index of a tensor as the command's argument, 0 if there is none.
bool Session::NextIndex(size_t count, size_t* index) {
  uint32_t value = 0;
  const char* word = NextWord();
  if (word != nullptr && (!ParseUnsigned(word, &value) || value >= count)) {
    out_.Text("e-[Index must be 0 to ").Unsigned(count - 1).Char(']').Line();
    return false;
  }
  *index = value;
  return true;
}

// A number of inferences as the command's argument; `*count` stays what it is if there is none.
bool Session::NextCount(const char* what, uint32_t least, uint32_t* count) {
  const char* word = NextWord();
  if (word == nullptr) return true;
  if (ParseUnsigned(word, count) && *count >= least && *count <= kMaxInferences) return true;
  out_.Text("e-[Inference ").Text(what).Text(" must be ").Unsigned(least);
  out_.Text(" to ").Unsigned(kMaxInferences).Char(']').Line();
  return false;
}

void Session::Help() {
  out_.Text(model::kToolVersion).Line();
  out_.Line();
  for (const Command& command : kCommands) out_.Text(command.help).Line();
  if (MyHooks().help != nullptr) out_.Text(MyHooks().help).Line();
  if (!kSeveral) return;
  out_.Text("@NAME COMMAND: Carry out a command for one of these models (the first):").Line();
  for (const model::Description& known : model::kModels) out_.Text("  ").Text(known.name).Line();
}

void Session::Name() { out_.Text("m-name-dut-[").Text(model::kBoard).Char(']').Line(); }

// MLPerf's hosts know the protocol by this profile.
void Session::Profile() {
  out_.Text("m-profile-[ULPMark for tinyML Firmware V0.0.1]").Line();
  out_.Text("m-model-[").Text(Known().name).Char(']').Line();
}

void Session::Timestamp() { PrintTime(platform_micros()); }

void Session::Infer() {
  uint32_t runs = 1;
  uint32_t warmups = 10;
  if (!NextCount("iterations", 1, &runs) || !NextCount("warmup", 0, &warmups)) return;
  if (!ReadyToInfer()) return;

  out_.Text("m-warmup-start-").Unsigned(warmups).Line();
  if (!Ok(Run(warmups))) return;
  out_.Text("m-warmup-done").Line();
  out_.Text("m-infer-start-").Unsigned(runs).Line();
  const uint64_t start = platform_micros();
  if (!Ok(Run(runs))) return;
  const uint64_t end = platform_micros();
  if (!KeepOutputs()) return;
  // Both after the runs: printing takes time.
  PrintTime(start);
  PrintTime(end);
  out_.Text("m-infer-done").Line();
  PrintResults(0);
}

void Session::Time() {
  uint32_t runs = 1;
  uint32_t warmups = 10;
  if (!NextCount("iterations", 1, &runs) || !NextCount("warmup", 0, &warmups)) return;
  if (!ReadyToInfer() || !Ok(Run(warmups))) return;
  for (uint32_t i = 0; i < runs; ++i) {
    const uint64_t start = platform_micros();
    const model::Status status = Run(1);
    const uint64_t end = platform_micros();
    if (status != model::Status::kOk) {
      if (i > 0) out_.Char(']').Line();
      Ok(status);
      return;
    }
    out_.Text(i == 0 ? "m-times-us-[" : ",").Unsigned(end - start);
  }
  out_.Char(']').Line();
  KeepOutputs();
}

// And notes which bytes they are, which `output` tells with what they gave.
bool Session::ReadyToInfer() {
  for (size_t i = 0; i < Known().input_count; ++i) {
    if (!loaded_[i]) {
      out_.Text("e-[Input ").Unsigned(i).Text(" is not loaded]").Line();
      return false;
    }
  }
  if (Known().stateful && model::StateChanges() != state_changes_[Used()]) {
    Error("The application has changed the model's state, 'reset' comes first");
    return false;
  }
  inferred_ = false;
  inferred_crc_ = Crc32(0, input_, Known().input_bytes);
  return true;
}

model::Status Session::Run(uint32_t count) {
  for (; count > 0; --count) {
    inferred_ = false;
    for (size_t i = 0; i < Known().input_count; ++i) {
      const size_t n = Known().inputs[i].bytes;
      const model::Status status = model::SetInput(i, input_ + InputOffset(i), n);
      if (status != model::Status::kOk) return status;
    }
    const model::Status status = model::Invoke();
    state_changes_[Used()] = model::StateChanges();
    if (status != model::Status::kOk) return status;
    inferred_ = true;
    ++runs_since_reset_[Used()];
  }
  return model::Status::kOk;
}

// Copies the model's outputs, which the application's next inference may overwrite.
bool Session::KeepOutputs() {
  for (size_t i = 0; i < Known().output_count; ++i) {
    const uint8_t* bytes = nullptr;
    size_t n = 0;
    if (!Ok(model::Output(i, &bytes, &n))) {
      inferred_ = false;
      return false;
    }
    std::memcpy(output_ + OutputOffset(i), bytes, n);
  }
  return true;
}

void Session::Results() {
  size_t index = 0;
  if (NextIndex(Known().output_count, &index)) PrintResults(index);
}

void Session::PrintResults(size_t index) {
  const uint8_t* bytes = nullptr;
  size_t n = 0;
  if (!FetchOutput(index, &bytes, &n)) return;
  const TensorInfo& tensor = Known().outputs[index];
  out_.Text("m-results-[");
  if (MyHooks().results != nullptr && MyHooks().results(index, bytes, &out_)) {
    return out_.Char(']').Line();
  }
  const int decimals = Decimals(tensor);
  for (size_t i = 0; i < tensor.elements; ++i) {
    if (i > 0) out_.Char(',');
    out_.Decimal(model::Dequantize(tensor, bytes, i), decimals);
  }
  out_.Char(']').Line();
}

bool Session::FetchOutput(size_t index, const uint8_t** bytes, size_t* n) {
  if (!Ok(init_status_)) return false;
  if (!inferred_) {
    Error("No inference yet");
    return false;
  }
  *bytes = output_ + OutputOffset(index);
  *n = Known().outputs[index].bytes;
  return true;
}

void Session::Output() {
  size_t index = 0;
  const uint8_t* bytes = nullptr;
  size_t n = 0;
  if (!NextIndex(Known().output_count, &index) || !FetchOutput(index, &bytes, &n)) return;
  out_.Text("m-output-[").Unsigned(index).Char(',').Unsigned(n).Char(',');
  for (size_t i = 0; i < n; ++i) out_.Hex(bytes[i], 2);
  out_.Char(',').Hex(Crc32(0, bytes, n), 8).Char(',').Hex(inferred_crc_, 8);
  out_.Char(',').Unsigned(runs_since_reset_[Used()]).Char(']').Line();
}

void Session::Arena() {
  out_.Text("m-arena-[").Unsigned(model::ArenaUsedBytes()).Char(',');
  out_.Unsigned(Known().arena_bytes).Char(']').Line();
}

void Session::Label() {
  const model::Description& known = Known();
  if (known.label_count == 0) return Error("The model has no labels");
  const uint8_t* bytes = nullptr;
  size_t n = 0;
  if (!FetchOutput(0, &bytes, &n)) return;
  size_t best = 0;
  for (size_t i = 1; i < known.label_count && i < known.outputs[0].elements; ++i) {
    const float value = model::Dequantize(known.outputs[0], bytes, i);
    if (value > model::Dequantize(known.outputs[0], bytes, best)) best = i;
  }
  out_.Text("m-label-[").Unsigned(best).Char(',').Quoted(known.labels[best]).Char(']').Line();
}

void Session::Hash() { out_.Text("m-hash-[").Text(model::ModelSha256()).Char(']').Line(); }

bool Session::ResetModel() {
  if (!Ok(model::Reset())) return false;
  runs_since_reset_[Used()] = 0;
  state_changes_[Used()] = model::StateChanges();
  return true;
}

void Session::Reset() {
  if (!ResetModel()) return;
  out_.Text("m-reset-done").Line();
}

void Session::SelfTest() {
  // It puts its own inputs into the model, and its own outputs where the last inference's were.
  inferred_ = false;
  for (unsigned vector = 0; vector < golden::Count(); ++vector) {
    const golden::Result result = golden::Check(vector);
    state_changes_[Used()] = model::StateChanges();
    if (!Ok(result.status)) return;
    if (!result.pass) {
      out_.Text("m-selftest-[fail,").Unsigned(vector).Char(',').Unsigned(result.output);
      out_.Char(',').Unsigned(result.byte).Char(',').Unsigned(result.actual);
      return out_.Char(',').Unsigned(result.expected).Char(']').Line();
    }
  }
  if (MyHooks().selftest != nullptr && !MyHooks().selftest(&out_)) return out_.Char(']').Line();
  if (!ResetModel()) return;
  out_.Text("m-selftest-[pass,").Unsigned(golden::Count()).Char(']').Line();
}

void Session::PrintTime(uint64_t time_us) { out_.Text("m-lap-us-").Unsigned(time_us).Line(); }

void Session::Error(const char* text) { out_.Text("e-[").Text(text).Char(']').Line(); }

// Reports a status that is not kOk. A model that never came up says why each time, since the client
// may have connected after Begin() said so.
bool Session::Ok(model::Status status) {
  if (status == model::Status::kOk) return true;
  if (status == model::Status::kNotInitialised) status = init_status_;
  out_.Text("e-[model: ").Text(model::StatusName(status)).Char(']').Line();
  return false;
}

}  // namespace serial

#endif  // MICROGEN_RELEASE
