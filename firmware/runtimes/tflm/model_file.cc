#include "model_file.h"

#include <cstring>

#include "golden.h"
#include "interpreter.h"
#include "models.h"
#include "sha256.h"

namespace model {
namespace {

constexpr uint8_t kMagic[8] = {'M', 'G', 'M', 'O', 'D', 'E', 'L', '1'};
// Offsets in the file, in bytes.
constexpr size_t kHashAt = 8;        // SHA-256 of everything after it
constexpr size_t kNumbersAt = 40;    // uint32, little-endian: see Init()
constexpr size_t kModelHashAt = 64;  // SHA-256 of the .tflite
constexpr size_t kHeaderBytes = 96;  // then the model, the inputs and the outputs

char g_sha256[kModelCount][65];

uint32_t Number(const uint8_t* file, size_t index) {
  const uint8_t* b = file + kNumbersAt + 4 * index;
  return uint32_t{b[0]} | uint32_t{b[1]} << 8 | uint32_t{b[2]} << 16 | uint32_t{b[3]} << 24;
}

}  // namespace

Status Init(const uint8_t* file, size_t bytes, void (*keep_alive)()) {
  Stop();
  golden::Use(golden::BuiltIn());
  if (file == nullptr || bytes < kHeaderBytes || reinterpret_cast<uintptr_t>(file) % 16 != 0 ||
      std::memcmp(file, kMagic, sizeof(kMagic)) != 0) {
    return Status::kModelFile;
  }
  const uint64_t model_bytes = Number(file, 0);
  const uint32_t count = Number(file, 1), steps = Number(file, 2);
  if (Number(file, 3) != Known().input_bytes || Number(file, 4) != Known().output_bytes) {
    return Status::kTensorMismatch;
  }
  // Damaged numbers must not lead to a read past the end. 64 bits hold each of these products.
  const uint64_t vectors = uint64_t{count} * steps;
  const uint64_t tolerances = Number(file, 5);
  if (count == 0 || steps == 0 || vectors > bytes ||
      (tolerances != 0 && tolerances != vectors * Known().output_count * sizeof(float)) ||
      kHeaderBytes + model_bytes + vectors * (Known().input_bytes + Known().output_bytes) +
              tolerances !=
          bytes) {
    return Status::kModelFile;
  }
  uint8_t hash[32];
  Sha256(file + kNumbersAt, bytes - kNumbersAt, hash);
  if (std::memcmp(hash, file + kHashAt, sizeof(hash)) != 0) return Status::kModelHash;

  char* sha256 = g_sha256[Used()];
  for (size_t i = 0; i < 32; ++i) {
    const uint8_t byte = file[kModelHashAt + i];
    sha256[2 * i] = "0123456789abcdef"[byte >> 4];
    sha256[2 * i + 1] = "0123456789abcdef"[byte & 15];
  }
  const uint8_t* inputs = file + kHeaderBytes + model_bytes;
  const uint8_t* outputs = inputs + vectors * Known().input_bytes;
  golden::Use({inputs, outputs, count, steps,
               tolerances != 0 ? outputs + vectors * Known().output_bytes : nullptr});
  Status status = Start(file + kHeaderBytes, sha256, keep_alive);
  for (unsigned vector = 0; vector < count && status == Status::kOk; ++vector) {
    const golden::Result result = golden::Check(vector);
    status = result.status == Status::kOk && !result.pass ? Status::kGolden : result.status;
  }
  if (status == Status::kOk) status = Reset();
  if (status != Status::kOk) {
    Stop();
    golden::Use(golden::BuiltIn());
  }
  return status;
}

}  // namespace model
