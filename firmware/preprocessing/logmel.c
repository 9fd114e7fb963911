#include "logmel.h"

#include <string.h>

#include "logmel_pair.h"
#include "logmel_parts.h"

void logmel_reset(logmel* front) {
  front->heard = 0;
  if (front->noise) memset(front->noise, 0, front->tables->channels * sizeof *front->noise);
}

/* Samples that a shift would wrap become what is left of them in 16 bits: 0. Only -32768 is one,
 * since it has no amplitude that `window` could gather. */
static void drop_lowest(uint32_t* spectrum, size_t half) {
  for (size_t i = 0; i < half; i++) {
    if ((spectrum[i] & 0xffff) == 0x8000) spectrum[i] &= 0xffff0000u;
    if (spectrum[i] >> 16 == 0x8000) spectrum[i] &= 0xffffu;
  }
}

/* Multiplies history by the window, puts pairs into the order of the FFT, zeros behind them, and
 * returns how far they can be shifted to the left. */
static unsigned window(const logmel* front) {
  const logmel_tables* tables = front->tables;
  const size_t pairs = tables->window / 2u;
  const int16_t *samples = front->history, *coefficients = tables->coefficients;
  const uint16_t *place = tables->places, *const end = place + tables->half,
                 *const full = place + pairs;
  uint32_t* const spectrum = front->spectrum;
  uint32_t bits = 0;
  for (; place < full; samples += 2, coefficients += 2) {
    const pair windowed = pair_window(samples, coefficients);
    bits = pair_gather(bits, windowed);
    pair_store(&spectrum[*place++], windowed);
  }
  if (tables->window % 2u) {
    const int16_t last[2] = {*samples, 0}, by[2] = {*coefficients, 0};
    const pair windowed = pair_window(last, by);
    bits = pair_gather(bits, windowed);
    pair_store(&spectrum[*place++], windowed);
  }
  while (place < end) spectrum[*place++] = 0;
  bits = pair_gathered(bits);
  const unsigned shift = 15u - logmel_bits(bits & 0x7fff);
  if (bits >> 15 && shift) drop_lowest(spectrum, tables->half);
  return shift;
}

size_t logmel_process(logmel* front, const int16_t* samples, size_t count, uint16_t* features,
                      bool* complete) {
  const logmel_tables* tables = front->tables;
  const size_t missing = tables->window - front->heard, taken = count < missing ? count : missing;
  memcpy(front->history + front->heard, samples, taken * sizeof *samples);
  front->heard += taken;
  *complete = taken == missing;
  if (*complete) {
    const unsigned shift = window(front);
    front->heard = (size_t)(tables->window - tables->step);
    memmove(front->history, front->history + tables->step, front->heard * sizeof *front->history);
    logmel_energies(tables, front->spectrum, shift);
    logmel_levels(tables, front->spectrum, shift, front->noise, features);
  }
  return taken;
}
