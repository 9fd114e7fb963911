/* A real FFT of 2 N samples, in place, as a complex one of N pairs: decimation in time by 4, and by
 * 2 at the start where N is no power of 4. Each stage divides by its radix, so the result is the
 * DFT divided by 2 N. Sums wrap to 16 bits, which full-scale square waves can reach. */
#include "logmel_pair.h"
#include "logmel_parts.h"

#define QUARTER (32767 / 4)
#define HALF (32767 / 2)

/* The DFT of four pairs, which lie `step` words apart; all are scaled and multiplied already. */
LOGMEL_INLINE void butterfly(uint32_t* x, size_t step, pair a, pair b, pair c, pair d) {
  const pair even = pair_add(a, c), odd = pair_subtract(a, c);
  const pair inner = pair_add(b, d), outer = pair_subtract(b, d);
  pair_store(x, pair_add(even, inner));
  pair_store(x + step, pair_subtract_turned(odd, outer));
  pair_store(x + 2 * step, pair_subtract(even, inner));
  pair_store(x + 3 * step, pair_add_turned(odd, outer));
}

/* The first stage, by 4 or by 2, which also shifts: 1 is the only twiddle. */
static void first_by_4(uint32_t* x, const uint32_t* end, unsigned shift) {
  const int32_t factor = QUARTER << shift;
  for (; x < end; x += 4)
    butterfly(x, 1, pair_scale_long(pair_load(x), factor),
              pair_scale_long(pair_load(x + 1), factor), pair_scale_long(pair_load(x + 2), factor),
              pair_scale_long(pair_load(x + 3), factor));
}

static void first_by_2(uint32_t* x, const uint32_t* end, unsigned shift) {
  const int32_t factor = HALF << shift;
  for (; x < end; x += 2) {
    const pair a = pair_scale_long(pair_load(x), factor),
               b = pair_scale_long(pair_load(x + 1), factor);
    pair_store(x, pair_add(a, b));
    pair_store(x + 1, pair_subtract(a, b));
  }
}

/* A stage joins four DFTs of `size` each, N / (4 size) times. A twiddle of 1 changes nothing. */
static void stage(uint32_t* x, size_t size, size_t half, const uint32_t* twiddles) {
  const uint32_t* const end = x + half;
  const size_t stride = half / (4 * size);
  for (uint32_t* p = x; p < end; p += 4 * size)
    butterfly(p, size, pair_scale(pair_load(p), QUARTER), pair_scale(pair_load(p + size), QUARTER),
              pair_scale(pair_load(p + 2 * size), QUARTER),
              pair_scale(pair_load(p + 3 * size), QUARTER));
  for (size_t k = 1; k < size; k++) {
    const pair once = pair_load(twiddles + k * stride),
               twice = pair_load(twiddles + 2 * k * stride),
               thrice = pair_load(twiddles + 3 * k * stride);
    for (uint32_t* p = x + k; p < end; p += 4 * size)
      butterfly(p, size, pair_scale(pair_load(p), QUARTER),
                pair_multiply(pair_scale(pair_load(p + size), QUARTER), once),
                pair_multiply(pair_scale(pair_load(p + 2 * size), QUARTER), twice),
                pair_multiply(pair_scale(pair_load(p + 3 * size), QUARTER), thrice));
  }
}

/* Parts the FFT of pairs into that of all samples, two bins at a time, and squares it. */
static void split(uint32_t* x, size_t half, const uint32_t* twiddle) {
  for (uint32_t *low = x + 1, *high = x + half - 1; low <= high; low++, high--) {
    const pair a = pair_scale(pair_load(low), HALF),
               b = pair_scale(pair_conjugate(pair_load(high)), HALF);
    const pair even = pair_add(a, b),
               odd = pair_multiply(pair_subtract(a, b), pair_load(twiddle++));
    *low = pair_energy_of_sum(even, odd);
    *high = pair_energy_of_difference(even, odd);
  }
}

void logmel_energies(const logmel_tables* tables, uint32_t* spectrum, unsigned shift) {
  const size_t half = tables->half;
  size_t size;
  if (logmel_bits((uint32_t)half) % 2u) {
    first_by_4(spectrum, spectrum + half, shift);
    size = 4;
  } else {
    first_by_2(spectrum, spectrum + half, shift);
    size = 2;
  }
  for (; size < half; size *= 4) stage(spectrum, size, half, tables->twiddles);
  split(spectrum, half, tables->split);
}
