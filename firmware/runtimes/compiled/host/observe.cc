// The debug build on this machine: keeps what every operator writes, for the comparison with TFLM.
//
// A record is the number of the operator (MODEL_INPUT_VALUES: the inputs, before an inference), of
// the tensor, its bytes, and how many channels of it are stored (0: all), as four uint32_t; the
// numbers of these channels as uint16_t; and the bytes.
#include <cstdint>
#include <cstdio>

#include "model.h"

extern "C" {
__attribute__((visibility("default"))) void microgen_keep_tensors(const char* path, int inferences);
void model_observe(unsigned op);
void microgen_observe(unsigned op);
}

namespace {

FILE* g_file = nullptr;
int g_left = 0;
unsigned g_op = 0;

void Put(const void* bytes, size_t n) {
  // What cannot be written is missed by who reads the file.
  if (g_file != nullptr && std::fwrite(bytes, 1, n, g_file) != n) {
    std::fclose(g_file);
    g_file = nullptr;
  }
}

void Take(unsigned tensor, const void* bytes, unsigned n, const uint16_t* channels, unsigned kept) {
  const uint32_t head[] = {g_op, tensor, n, kept};
  Put(head, sizeof head);
  if (kept > 0) Put(channels, kept * sizeof *channels);
  Put(bytes, n);
}

}  // namespace

void microgen_keep_tensors(const char* path, int inferences) {
  g_file = std::fopen(path, "wb");
  g_left = inferences + 1;
}

void microgen_observe(unsigned op) {
  if (op != MODEL_INPUT_VALUES) model_observe(op);
  if (g_file == nullptr) return;
  if (op == MODEL_INPUT_VALUES) --g_left;
  g_op = op;
  if (g_left > 0) model_values(op, Take);
  std::fflush(g_file);
  if (g_left > 0) return;
  std::fclose(g_file);
  g_file = nullptr;
}
