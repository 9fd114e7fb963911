/* Tables, then samples, from standard input; frames to standard output. Each
 * array is a block of its own on the heap, so that AddressSanitizer sees what
 * lies beside it. */
#include <stdio.h>
#include <stdlib.h>

#include "logmel.h"

static void *block(size_t bytes) {
  void *memory = malloc(bytes + !bytes);
  if (!memory)
    exit(1);
  return memory;
}

static void *get(size_t count, size_t size) {
  void *memory = block(count * size);
  if (fread(memory, size, count, stdin) != count)
    exit(1);
  return memory;
}

int main(void) {
  /* The members of logmel_tables in their order, then lengths of weights and
   * gains, and the samples'. */
  int32_t *n = get(16, sizeof *n);
  int16_t *coefficients = get((size_t)n[0], 2), *gains;
  uint16_t *places = get((size_t)n[2], 2), *widths, *weights;
  uint32_t *twiddles = get((size_t)n[2] * 3 / 4, 4),
           *split = get((size_t)n[2] / 2, 4);
  widths = get((size_t)n[3] + 1, 2);
  weights = get((size_t)n[13], 2);
  gains = get((size_t)n[14], 2);
  const logmel_tables tables = {
      (uint16_t)n[0],  (uint16_t)n[1], (uint16_t)n[2],  (uint16_t)n[3],
      (uint16_t)n[4],  (int8_t)n[5],   (uint8_t)n[6],   (uint8_t)n[7],
      (uint8_t)n[8],   (uint8_t)n[9],  (uint16_t)n[10], (uint16_t)n[11],
      (uint16_t)n[12], coefficients,   places,          twiddles,
      split,           widths,         weights,         gains};
  const size_t count = (size_t)n[15], channels = tables.channels;
  int16_t *samples = get(count, 2);
  logmel front = {&tables, block(tables.window * sizeof(int16_t)),
                  block(tables.half * sizeof(uint32_t)),
                  tables.noise_reduction || tables.pcan
                      ? block(channels * sizeof(uint32_t))
                      : 0,
                  7};
  uint16_t *features = block(channels * sizeof *features);
  logmel_reset(&front);
  for (size_t taken = 0; taken < count;) {
    bool complete;
    taken += logmel_process(&front, samples + taken, count - taken, features,
                            &complete);
    if (complete)
      fwrite(features, sizeof *features, channels, stdout);
  }
  void *all[] = {n,       coefficients,  gains,          places,
                 widths,  weights,       twiddles,       split,
                 samples, front.history, front.spectrum, front.noise,
                 features};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    free(all[i]);
  return 0;
}
