/* From energies to features, one channel after another. Products of more than 32 bits are made of
 * halves, which small CPUs multiply in one instruction. */
#include "logmel_parts.h"

#define NOISE_BITS 10
#define SMOOTHING_BITS 14
#define SNR_BITS 12
#define SHRUNK_BITS 6
#define LN2 45426u /* 65536 ln 2 */

/* Energies of a band: all of them, and the weighted part. */
typedef struct {
  uint64_t weighted, whole;
} band;

/* In sums of 32 bits over a few bins, whose products have 28 bits. */
static band sum(const uint32_t* energy, const uint16_t* weight, unsigned width) {
  band b = {0, 0};
  uint32_t whole_low = 0, whole_high = 0;
  while (width) {
    const unsigned n = width < 16 ? width : 16;
    uint32_t low = 0, high = 0;
    for (const uint32_t* end = energy + n; energy < end; energy++) {
      const uint32_t l = *energy & 0xffff, h = *energy >> 16, w = *weight++;
      low += l * w;
      high += h * w;
      whole_low += l;
      whole_high += h;
    }
    b.weighted += ((uint64_t)high << 16) + low;
    width -= n;
  }
  b.whole = ((uint64_t)whole_high << 16) + whole_low;
  return b;
}

/* The root of a number of 31 or 32 bits, rounded down. */
#if defined(__ARM_FEATURE_IDIV) || defined(__riscv_div) || defined(__XTENSA__) || \
    defined(LOGMEL_DIVIDES)
static uint32_t root32(uint32_t x) {
  /* Newton's method from a line that is off by 5 percent: two steps give 20 bits. */
  uint32_t found = (x >> 17) + (x >> 19) + 23600;
  found = (found + x / found) / 2;
  found = (found + x / found) / 2;
  if (found > 0xffff) found = 0xffff;
  if (found * found > x) found--;
  return found;
}

/* The next `digits` bits of a root with 16, by division (Zimmermann, "Karatsuba square root",
 * 1999). */
LOGMEL_INLINE void extend(uint32_t* found, uint32_t* rest, uint32_t next, unsigned digits) {
  const uint32_t numerator = *rest << digits | next >> digits, twice = 2 * *found;
  const uint32_t quotient = numerator / twice;
  const uint32_t last = (numerator - quotient * twice) << digits | (next & ((1u << digits) - 1));
  *found = (*found << digits) + quotient;
  *rest = last - quotient * quotient;
  if (last < quotient * quotient) {
    *rest += 2 * *found - 1;
    --*found;
  }
}
#else
static uint32_t root32(uint32_t x) {
  uint32_t found = 0;
  for (uint32_t bit = 1u << 30; bit; bit >>= 2) {
    const uint32_t tried = found + bit;
    found >>= 1;
    if (x >= tried) {
      x -= tried;
      found += bit;
    }
  }
  return found;
}

LOGMEL_INLINE void extend(uint32_t* found, uint32_t* rest, uint32_t next, unsigned digits) {
  uint32_t root = *found, left = *rest;
  for (next <<= 32 - 2 * digits; digits; digits--, next <<= 2) {
    const uint32_t tried = root << 2 | 1;
    left = left << 2 | next >> 30;
    root <<= 1;
    if (left >= tried) {
      left -= tried;
      root |= 1;
    }
  }
  *found = root;
  *rest = left;
}
#endif

/* The root of a number of 58 bits at most, rounded to the nearest, then divided by 2^shift. What
 * has 32 bits has a root of 16. */
static uint32_t root(uint64_t x, unsigned shift) {
  const uint32_t high = (uint32_t)(x >> 32), low = (uint32_t)x;
  uint32_t found, rest;
  if (high) {
    const unsigned digits = (logmel_bits(high) + 1) / 2; /* beyond 16 */
    const uint32_t top = high << (32 - 2 * digits) | low >> (2 * digits);
    found = root32(top);
    rest = top - found * found;
    extend(&found, &rest, low & ((1u << 2 * digits) - 1), digits);
  } else if (low) {
    const unsigned digits = (logmel_bits(low) + 1) / 2;
    found = root32(low << (32 - 2 * digits)) >> (16 - digits);
    rest = low - found * found;
  } else {
    return 0;
  }
  if (rest > found && (high || found != 0xffff)) found++;
  return found >> shift;
}

/* x * factor / 2^shift in 32 bits, for factors of 15 bits and shifts up to 16. */
LOGMEL_INLINE uint32_t scaled(uint32_t x, uint32_t factor, unsigned shift) {
  return ((x >> 16) * factor << (16 - shift)) + ((x & 0xffff) * factor >> shift);
}

/* The exponential average of noise. */
static uint32_t average(uint32_t noise, uint32_t signal, uint32_t follow) {
  const uint32_t keep = (1u << SMOOTHING_BITS) - follow;
  const uint32_t high = (signal >> 16) * follow + (noise >> 16) * keep;
  const uint32_t low = (signal & 0xffff) * follow + (noise & 0xffff) * keep;
  return (high << (16 - SMOOTHING_BITS)) + (low >> SMOOTHING_BITS);
}

/* What is left of a signal without its noise. */
static uint32_t reduce(uint32_t signal, uint32_t noise, uint32_t floor) {
  const uint32_t fine = signal << NOISE_BITS;
  const uint32_t left = noise < fine ? (fine - noise) >> NOISE_BITS : 0;
  const uint32_t least = scaled(signal, floor, SMOOTHING_BITS);
  return left > least ? left : least;
}

/* PCAN's gain for a level of noise: a parabola for each bit length. */
static uint32_t gain(uint32_t noise, const int16_t* gains) {
  if (noise < 2) return (uint32_t)gains[noise];
  const unsigned bits = logmel_bits(noise);
  const int16_t* c = gains + 4 * bits - 6;
  const int32_t rest = (int32_t)(bits < 11 ? noise << (11 - bits) : noise >> (bits - 11)) & 0x3ff;
  const int32_t slope = ((c[2] * rest) >> 5) + c[1] * 32;
  return (uint32_t)(c[0] + ((slope * rest + (1 << 14)) >> 15));
}

/* Squares small ratios, makes large ones linear. */
static uint32_t shrink(uint32_t snr) {
  if (snr < 2u << SNR_BITS) return snr * snr >> (2 + 2 * SNR_BITS - SHRUNK_BITS);
  return (snr >> (SNR_BITS - SHRUNK_BITS)) - (1u << SHRUNK_BITS);
}

/* What log2(1 + i / 128) exceeds i / 128 by; 65536 is 1. */
static const uint16_t kLog[130] = {
    0,    224,  442,  654,  861,  1063, 1259, 1450, 1636, 1817, 1992, 2163, 2329, 2490, 2646,
    2797, 2944, 3087, 3224, 3358, 3487, 3611, 3732, 3848, 3960, 4068, 4172, 4272, 4368, 4460,
    4549, 4633, 4714, 4791, 4864, 4934, 5001, 5063, 5123, 5178, 5231, 5280, 5326, 5368, 5408,
    5444, 5477, 5507, 5533, 5557, 5578, 5595, 5610, 5622, 5631, 5637, 5640, 5641, 5638, 5633,
    5626, 5615, 5602, 5586, 5568, 5547, 5524, 5498, 5470, 5439, 5406, 5370, 5332, 5291, 5249,
    5203, 5156, 5106, 5054, 5000, 4944, 4885, 4825, 4762, 4697, 4630, 4561, 4490, 4416, 4341,
    4264, 4184, 4103, 4020, 3935, 3848, 3759, 3668, 3575, 3481, 3384, 3286, 3186, 3084, 2981,
    2875, 2768, 2659, 2549, 2437, 2323, 2207, 2090, 1971, 1851, 1729, 1605, 1480, 1353, 1224,
    1094, 963,  830,  695,  559,  421,  282,  142,  0,    0};

/* 64 ln(x) for x over 1: straight lines between the points of kLog. */
static uint32_t logarithm(uint32_t x) {
  const unsigned whole = logmel_bits(x) - 1;
  const uint32_t rest = x - (1u << whole);
  const uint32_t part = whole < 16 ? rest << (16 - whole) : rest >> (whole - 16);
  const uint16_t* segment = kLog + (part >> 9);
  const int32_t inside = (int32_t)(part & 511);
  const uint32_t fraction =
      part + segment[0] + (uint32_t)(((segment[1] - segment[0]) * inside) >> 16);
  const uint32_t natural = LN2 * whole + ((LN2 * fraction + (1u << 15)) >> 16);
  return ((natural << 6) + (1u << 15)) >> 16;
}

void logmel_levels(const logmel_tables* tables, const uint32_t* energies, unsigned shift,
                   uint32_t* noise, uint16_t* features) {
  const uint32_t* energy = energies + tables->first_bin;
  const uint16_t* weight = tables->weights;
  uint64_t rest = 0;
  for (unsigned i = 0; i <= tables->channels; i++) {
    const unsigned width = tables->widths[i];
    const band b = sum(energy, weight, width);
    const uint64_t power = rest + b.weighted;
    rest = (b.whole << 12) - b.weighted;
    energy += width;
    weight += width;
    if (!i) continue;
    const unsigned channel = i - 1;
    uint32_t signal = root(power, shift);
    if (noise) {
      const uint32_t follow = channel % 2u ? tables->odd_smoothing : tables->even_smoothing;
      const uint32_t estimate = average(noise[channel], signal << NOISE_BITS, follow);
      noise[channel] = estimate;
      if (tables->noise_reduction) signal = reduce(signal, estimate, tables->floor);
      if (tables->pcan)
        signal = shrink(scaled(signal, gain(estimate, tables->gains), tables->snr_shift));
    }
    if (tables->log) {
      const int up = tables->level_shift;
      signal = up < 0 ? signal >> -up : signal << up;
      signal = signal > 1 ? logarithm(signal) : 0;
    }
    features[channel] = (uint16_t)(signal < 0xffff ? signal : 0xffff);
  }
}
