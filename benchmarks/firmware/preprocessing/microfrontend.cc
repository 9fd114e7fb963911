// TensorFlow Lite's C library behind model.h, with the settings of
// pymicro-features.
#include <string.h>

#include "model.h"
#include "tensorflow/lite/experimental/microfrontend/lib/frontend.h"
#include "tensorflow/lite/experimental/microfrontend/lib/frontend_util.h"

static int16_t samples[SAMPLES];
static uint16_t values[VALUES];
static uint32_t ram;
static FrontendState state;

// A heap that counts: what is never given back.
static uint64_t heap[8192];
static size_t used;
extern "C" void *malloc(size_t n) {
  void *p = heap + used;
  used += (n + 7) / 8;
  ram += static_cast<uint32_t>(n);
  return p;
}
extern "C" void *calloc(size_t n, size_t size) {
  return memset(malloc(n * size), 0, n * size);
}
extern "C" void free(void *) {}

void *model_input(unsigned) { return samples; }
const void *model_output(unsigned index) {
  return index ? static_cast<const void *>(&ram) : values;
}

void model_reset() {
  FrontendConfig config;
  FrontendFillConfigWithDefaults(&config);
  config.window.size_ms = 30;
  config.window.step_size_ms = 10;
  config.filterbank.num_channels = CHANNELS;
  config.pcan_gain_control.enable_pcan = 1;
  used = 0;
  ram = sizeof state;
  FrontendPopulateState(&config, &state, 16000);
}

void model_invoke() {
  uint16_t *next = values;
  for (size_t taken = 0; taken < SAMPLES;) {
    size_t read;
    const FrontendOutput output =
        FrontendProcessSamples(&state, samples + taken, SAMPLES - taken, &read);
    taken += read;
    if (output.values) {
      memcpy(next, output.values, output.size * sizeof *next);
      next += output.size;
    }
  }
}
