// How the inputs are filled: `db`, `input` and `crc`.
#ifndef MICROGEN_RELEASE

#include <cstring>

#include "crc32.h"
#include "offsets.h"
#include "parse.h"
#include "session.h"

namespace serial {

using model::Known;
using model::TensorInfo;

void Session::SelectInput() {
  if (!NextIndex(Known().input_count, &selected_input_)) return;
  out_.Text("m-input-[").Unsigned(selected_input_).Char(',');
  out_.Unsigned(Known().inputs[selected_input_].bytes).Char(']').Line();
}

void Session::Db() {
  const char* word = NextWord();
  if (word == nullptr) return Error("Command 'db' requires a subcommand");
  if (std::strcmp(word, "load") == 0) return DbLoad();
  if (std::strcmp(word, "print") == 0) return DbPrint();
  DbBytes(word);
}

bool Session::HasCopies() { return input_ != nullptr || Ok(model::Status::kCopies); }

void Session::DbLoad() {
  if (!HasCopies()) return;
  const TensorInfo& tensor = Known().inputs[selected_input_];
  const uint32_t as_floats = model::IsQuantized(tensor) ? tensor.elements * sizeof(float) : 0;
  const char* word = NextWord();
  if (word == nullptr) return Error("Command 'db load' requires the # of bytes");
  uint32_t bytes = 0;
  if (!ParseUnsigned(word, &bytes) || bytes == 0 || (bytes != tensor.bytes && bytes != as_floats)) {
    out_.Text("e-[Command 'db load' takes ").Unsigned(tensor.bytes).Text(" bytes");
    if (as_floats != 0) out_.Text(", or ").Unsigned(as_floats).Text(" as float32");
    return out_.Char(']').Line();
  }
  word = NextWord();
  if (word != nullptr && (std::strcmp(word, "raw") != 0 || bytes != tensor.bytes)) {
    return Error("After the # of bytes of the tensor itself only 'raw' may follow");
  }
  load_ = Load();
  load_.input = selected_input_;
  load_.expected = bytes;
  if (bytes != tensor.bytes) {
    load_.format = Format::kFloats;
  } else if (word == nullptr && MyHooks().convert != nullptr) {
    load_.format = Format::kConverted;
  }
  loaded_[selected_input_] = false;
  out_.Text("m-[Expecting ").Unsigned(bytes).Text(" bytes]").Line();
}

void Session::DbPrint() {
  if (!HasCopies()) return;
  const uint8_t* bytes = input_ + InputOffset(selected_input_);
  const size_t n = Known().inputs[selected_input_].bytes;
  for (size_t i = 0; i < n; ++i) {
    out_.Text(i % 8 == 0 ? "m-buffer-" : "-").Hex(bytes[i], 2);
    if (i % 8 == 7 || i + 1 == n) out_.Line();
  }
}

// Takes all of a command's bytes or, if one is wrong, none, so that it can be sent again.
void Session::DbBytes(const char* hex) {
  if (load_.received == load_.expected) return Error("No bytes expected, 'db load' comes first");
  const size_t digits = std::strlen(hex);
  if (digits % 2 != 0) return Error("Odd number of hex digits");
  for (size_t i = 0; i < digits; ++i) {
    if (HexDigit(hex[i]) >= 0) continue;
    const char pair[] = {hex[i & ~size_t{1}], hex[i | 1], '\0'};
    return out_.Text("e-[Invalid hex digit '").Quoted(pair).Text("']").Line();
  }
  for (size_t i = 0; i < digits && load_.received < load_.expected; i += 2) {
    Store(static_cast<uint8_t>(HexDigit(hex[i]) << 4 | HexDigit(hex[i + 1])));
  }
  if (load_.received == load_.expected) {
    loaded_[load_.input] = true;
    out_.Text("m-load-done").Line();
  }
}

// Floats are quantized as they arrive: a buffer for all of them would be four times the input.
void Session::Store(uint8_t byte) {
  const TensorInfo& tensor = Known().inputs[load_.input];
  uint8_t* input = input_ + InputOffset(load_.input);
  const uint32_t position = load_.received++;
  load_.crc = Crc32(load_.crc, &byte, 1);
  const size_t element_bytes = model::ElementBytes(tensor);
  if (load_.format == Format::kFloats) {
    load_.pending[position % sizeof(float)] = byte;
    if (load_.received % sizeof(float) != 0) return;
    float value;
    std::memcpy(&value, load_.pending, sizeof(value));
    const size_t element = position / sizeof(float);
    model::Quantize(tensor, value, input + element * element_bytes);
    if (MyHooks().loaded != nullptr) MyHooks().loaded(load_.input, element, value);
    return;
  }
  input[position] =
      load_.format == Format::kConverted ? MyHooks().convert(load_.input, byte) : byte;
  if (MyHooks().loaded != nullptr && load_.received % element_bytes == 0) {
    const size_t element = position / element_bytes;
    MyHooks().loaded(load_.input, element, model::Dequantize(tensor, input, element));
  }
}

void Session::Crc() {
  out_.Text("m-crc-[").Unsigned(load_.input).Char(',').Unsigned(load_.expected).Char(',');
  out_.Unsigned(load_.received).Char(',').Hex(load_.crc, 8).Char(']').Line();
}

}  // namespace serial

#endif  // MICROGEN_RELEASE
