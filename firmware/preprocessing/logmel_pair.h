/* A pair of 16-bit numbers: a complex number, or two samples. In memory it is a word, whose lower
 * half is the real part.
 *
 * The first set of functions uses the Armv7E-M DSP extension, which works on both halves at once;
 * the second is plain C, where a half may carry more than 16 bits until it is stored. */
#ifndef LOGMEL_PAIR_H
#define LOGMEL_PAIR_H

#include <stdint.h>

#include "logmel_parts.h"

#if defined(__ARM_FEATURE_SIMD32) && defined(__ARM_FEATURE_DSP) && !defined(LOGMEL_PLAIN)

typedef uint32_t pair;

/* Instructions by their names: old compilers have no functions for them. */
#define LOGMEL_DSP2(name)                                         \
  LOGMEL_INLINE uint32_t dsp_##name(uint32_t a, uint32_t b) {     \
    uint32_t result;                                              \
    __asm__(#name " %0, %1, %2" : "=r"(result) : "r"(a), "r"(b)); \
    return result;                                                \
  }
#define LOGMEL_DSP3(name)                                                     \
  LOGMEL_INLINE uint32_t dsp_##name(uint32_t a, uint32_t b, uint32_t c) {     \
    uint32_t result;                                                          \
    __asm__(#name " %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(c)); \
    return result;                                                            \
  }
LOGMEL_DSP2(sadd16)
LOGMEL_DSP2(ssub16)
LOGMEL_DSP2(ssax)
LOGMEL_DSP2(sasx)
LOGMEL_DSP2(shadd16)
LOGMEL_DSP2(shsub16)
LOGMEL_DSP2(smuad)
LOGMEL_DSP2(smulbb)
LOGMEL_DSP2(smultt)
LOGMEL_DSP3(smlabb)
LOGMEL_DSP3(smlatb)
LOGMEL_DSP3(smlatt)
LOGMEL_DSP3(smlawb)
LOGMEL_DSP3(smlawt)
LOGMEL_DSP3(smlsd)
LOGMEL_DSP3(smladx)

/* The upper half of `high` above 16 bits of `low` from bit `bit`, which is a constant. */
#define LOGMEL_PACK(packed, high, low, bit) \
  __asm__("pkhtb %0, %1, %2, asr %3" : "=r"(packed) : "r"(high), "r"(low), "i"(bit))

LOGMEL_INLINE pair pair_load(const uint32_t* word) { return *word; }
LOGMEL_INLINE void pair_store(uint32_t* word, pair a) { *word = a; }

/* Round(a * factor / 32768), a factor of at most 16383. */
LOGMEL_INLINE pair pair_scale(pair a, int32_t factor) {
  const uint32_t by = 2u * (uint32_t)factor;
  const uint32_t low = dsp_smlabb(a, by, 1 << 15), high = dsp_smlatb(a, by, 1 << 15);
  pair packed;
  LOGMEL_PACK(packed, high, low, 16);
  return packed;
}

/* The same for a factor of up to 2^28, where the result has 16 bits. */
LOGMEL_INLINE pair pair_scale_long(pair a, int32_t factor) {
  const uint32_t by = 4u * (uint32_t)factor;
  const uint32_t low = dsp_smlawb(by, a, 1), high = dsp_smlawt(by, a, 1);
  pair packed;
  LOGMEL_PACK(packed, high << 15, low, 1);
  return packed;
}

/* Round(a * b / 32768) of complex numbers. */
LOGMEL_INLINE pair pair_multiply(pair a, pair b) {
  const uint32_t re = dsp_smlsd(a, b, 1 << 14), im = dsp_smladx(a, b, 1 << 14);
  pair packed;
  LOGMEL_PACK(packed, im << 1, re, 15);
  return packed;
}

LOGMEL_INLINE pair pair_add(pair a, pair b) { return dsp_sadd16(a, b); }
LOGMEL_INLINE pair pair_subtract(pair a, pair b) { return dsp_ssub16(a, b); }
/* a - i b, a + i b */
LOGMEL_INLINE pair pair_subtract_turned(pair a, pair b) { return dsp_ssax(a, b); }
LOGMEL_INLINE pair pair_add_turned(pair a, pair b) { return dsp_sasx(a, b); }
LOGMEL_INLINE pair pair_conjugate(pair a) {
  pair packed;
  LOGMEL_PACK(packed, dsp_ssub16(0, a), a << 16, 16);
  return packed;
}

/* |(a + b) / 2|^2, and that of (a - b) / 2 whose imaginary part is (b - a) / 2; halves round down.
 */
LOGMEL_INLINE uint32_t pair_energy_of_sum(pair a, pair b) {
  const pair half = dsp_shadd16(a, b);
  return dsp_smuad(half, half);
}
LOGMEL_INLINE uint32_t pair_energy_of_difference(pair a, pair b) {
  const pair re = dsp_shsub16(a, b), im = dsp_shsub16(b, a);
  return dsp_smlatt(im, im, dsp_smulbb(re, re));
}

/* Two samples times two coefficients, whose product is divided by 4096 and rounded down. */
LOGMEL_INLINE pair pair_window(const int16_t* samples, const int16_t* coefficients) {
  pair a, b, packed;
  __builtin_memcpy(&a, samples, sizeof a);
  __builtin_memcpy(&b, coefficients, sizeof b);
  LOGMEL_PACK(packed, dsp_smultt(a, b) << 4, dsp_smulbb(a, b), 12);
  return packed;
}

/* Gathers the bits of all amplitudes, in both halves; that of -32768 has bit 15 alone. */
LOGMEL_INLINE uint32_t pair_gather(uint32_t bits, pair a) {
  uint32_t amplitudes;
  __asm__("ssub16 %0, %1, %2\n\tsel %0, %0, %2" : "=&r"(amplitudes) : "r"(0), "r"(a));
  return bits | amplitudes;
}
LOGMEL_INLINE uint32_t pair_gathered(uint32_t bits) { return (bits | bits >> 16) & 0xffff; }

#else

typedef struct {
  int32_t re, im;
} pair;

LOGMEL_INLINE pair pair_load(const uint32_t* word) {
  const pair a = {(int16_t)*word, (int32_t)*word >> 16};
  return a;
}
/* Two halves are stored with fewer instructions than a word is put together. */
typedef struct {
  int16_t re, im;
} __attribute__((may_alias)) pair_halves;
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the real part of a pair lies first in memory"
#endif
LOGMEL_INLINE void pair_store(uint32_t* word, pair a) {
  pair_halves* const halves = (pair_halves*)word;
  halves->re = (int16_t)a.re;
  halves->im = (int16_t)a.im;
}

LOGMEL_INLINE pair pair_scale(pair a, int32_t factor) {
  const pair scaled = {(a.re * factor + (1 << 14)) >> 15, (a.im * factor + (1 << 14)) >> 15};
  return scaled;
}
LOGMEL_INLINE pair pair_scale_long(pair a, int32_t factor) { return pair_scale(a, factor); }

LOGMEL_INLINE pair pair_multiply(pair a, pair b) {
  const pair product = {(a.re * b.re - a.im * b.im + (1 << 14)) >> 15,
                        (a.re * b.im + a.im * b.re + (1 << 14)) >> 15};
  return product;
}

LOGMEL_INLINE pair pair_add(pair a, pair b) {
  const pair sum = {a.re + b.re, a.im + b.im};
  return sum;
}
LOGMEL_INLINE pair pair_subtract(pair a, pair b) {
  const pair difference = {a.re - b.re, a.im - b.im};
  return difference;
}
LOGMEL_INLINE pair pair_subtract_turned(pair a, pair b) {
  const pair sum = {a.re + b.im, a.im - b.re};
  return sum;
}
LOGMEL_INLINE pair pair_add_turned(pair a, pair b) {
  const pair sum = {a.re - b.im, a.im + b.re};
  return sum;
}
LOGMEL_INLINE pair pair_conjugate(pair a) {
  const pair conjugate = {a.re, (int16_t)-a.im};
  return conjugate;
}

LOGMEL_INLINE uint32_t pair_energy(int32_t re, int32_t im) { return (uint32_t)(re * re + im * im); }
LOGMEL_INLINE uint32_t pair_energy_of_sum(pair a, pair b) {
  return pair_energy((a.re + (int16_t)b.re) >> 1, (a.im + (int16_t)b.im) >> 1);
}
LOGMEL_INLINE uint32_t pair_energy_of_difference(pair a, pair b) {
  return pair_energy((a.re - (int16_t)b.re) >> 1, ((int16_t)b.im - a.im) >> 1);
}

LOGMEL_INLINE pair pair_window(const int16_t* samples, const int16_t* coefficients) {
  const pair windowed = {(samples[0] * coefficients[0]) >> 12,
                         (samples[1] * coefficients[1]) >> 12};
  return windowed;
}

LOGMEL_INLINE uint32_t pair_gather(uint32_t bits, pair a) {
  return bits | (uint32_t)(a.re < 0 ? -a.re : a.re) | (uint32_t)(a.im < 0 ? -a.im : a.im);
}
LOGMEL_INLINE uint32_t pair_gathered(uint32_t bits) { return bits; }

#endif
#endif
