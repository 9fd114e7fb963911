// The debug build on this machine: keeps what every operator writes, for the comparison with TFLM.
//
// A record is the number of the operator (kInputValues: the inputs, before an inference) and above
// its 16 bits that of the model, the number of the tensor, its bytes, and how many channels of it
// are stored (0: all), as four uint32_t; the numbers of these channels as uint16_t; and the bytes.
#include <cstdint>
#include <cstdio>

#include "model_config.h"
#ifdef MODEL_LIST  // several models
#include "models.h"
#else
#define MODEL_LIST(X) X(model)
#endif

extern "C" {
__attribute__((visibility("default"))) void microgen_keep_tensors(const char* path, int inferences);
void model_observe(unsigned op);
void microgen_observe(unsigned op);
}

namespace {

constexpr unsigned kInputValues = 0xffff;  // MODEL_INPUT_VALUES

using Take = void (*)(unsigned, const void*, unsigned, const uint16_t*, unsigned);
#define MODEL_VALUES(ID) ID##_values,
void (*const kValues[])(unsigned op, Take take) = {MODEL_LIST(MODEL_VALUES)};
constexpr unsigned kCount = sizeof(kValues) / sizeof(kValues[0]);

FILE* g_file = nullptr;
int g_left[kCount] = {};  // inferences to keep, one more while the last one runs
unsigned g_op = 0;

unsigned Model() {
#ifdef MODEL_SHARED_BYTES
  return model::Used();
#else
  return 0;
#endif
}

void Put(const void* bytes, size_t n) {
  // What cannot be written is missed by who reads the file.
  if (g_file != nullptr && std::fwrite(bytes, 1, n, g_file) != n) {
    std::fclose(g_file);
    g_file = nullptr;
  }
}

void Keep(unsigned tensor, const void* bytes, unsigned n, const uint16_t* channels, unsigned kept) {
  const uint32_t head[] = {g_op, tensor, n, kept};
  Put(head, sizeof head);
  if (kept > 0) Put(channels, kept * sizeof *channels);
  Put(bytes, n);
}

}  // namespace

void microgen_keep_tensors(const char* path, int inferences) {
  g_file = std::fopen(path, "wb");
  for (int& left : g_left) left = inferences + 1;
}

void microgen_observe(unsigned op) {
  if (op != kInputValues) model_observe(op);
  if (g_file == nullptr) return;
  int& left = g_left[Model()];
  if (op == kInputValues && left > 0) --left;
  g_op = op | Model() << 16;
  if (left > 0) kValues[Model()](op, Keep);
  std::fflush(g_file);
}
