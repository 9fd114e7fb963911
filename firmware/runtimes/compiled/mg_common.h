/* What all kernels of the compiled runtime share: types, clamps, requantization, widening of bytes.
 *
 * Kernels are plain C11. A tensor is dense, channels last. Parameters are constant structures that
 * the generator writes; every shape in them is positive. Pointers of tensors and scratch are
 * aligned to 8 bytes. Right shifts of negative numbers are arithmetic, as with every compiler that
 * is supported. */
#ifndef MG_COMMON_H
#define MG_COMMON_H

#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MG_INLINE static inline __attribute__((always_inline))
/* Compilers without the pragma keep the loop. */
#if defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 8)
#define MG_UNROLL _Pragma("GCC unroll 8")
#else
#define MG_UNROLL
#endif
#define MG_NOINLINE __attribute__((noinline))
/* At -Os, loops are not written out several times, and no kernel has a faster twin for a common
 * shape. */
#if defined(__OPTIMIZE_SIZE__)
#define MG_SMALL_CODE 1
#else
#define MG_SMALL_CODE 0
#endif
#if defined(__GNUC__) && !defined(__clang__)
#define MG_NOCLONE __attribute__((noclone)) /* parameters stay as they are written */
#else
#define MG_NOCLONE
#endif
#define MG_ALIGNED(n) __attribute__((aligned(n)))

/* The section of the model's buffer, where a board has one for it: -DMODEL_ARENA_SECTION=.name. */
#ifdef MODEL_ARENA_SECTION
#define MG_STRING_(name) #name
#define MG_STRING(name) MG_STRING_(name)
#define MG_ARENA __attribute__((section(MG_STRING(MODEL_ARENA_SECTION))))
#else
#define MG_ARENA
#endif

/* CPUs whose multiplier gives 32 bits only, and which have few registers. */
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__) || defined(__XTENSA__) || \
    defined(MG_TEST_SMALL_CPU)
#define MG_SMALL_CPU 1
#else
#define MG_SMALL_CPU 0
#endif

typedef uint16_t __attribute__((may_alias)) mg_half;

/* An output channel: its bias, and how its accumulator becomes an output. In parameters, a pointer
 * to void is one to channels of the form that the function has.
 * Cheap form (proven by the generator), with `zero` twice the output's zero point, and 1, s =
 * start & 255, start - s = 256 * bias:
 *   (((256 * acc) * multiplier >> 32) + (zero << s) / 2 + 64 - (acc < 0 ? 128 : 0)) >> s.
 * Exact form (files *_wide.c): TFLM's multiplier and shift, and the output's zero point. */
#if defined(MG_WIDE)
typedef struct {
  int32_t bias, multiplier, shift, zero_point;
} mg_channel;
#else
typedef struct {
  int32_t start, multiplier;
} mg_channel;
#endif

MG_INLINE int32_t mg_clamp(int32_t v, int32_t low, int32_t high) {
  return v < low ? low : v > high ? high : v;
}

/* What an accumulator starts with. */
MG_INLINE int32_t mg_bias(const mg_channel* c) {
#if defined(MG_WIDE)
  return c->bias;
#else
  return c->start >> 8;
#endif
}

/* gemmlowp's SaturatingRoundingDoublingHighMul, for b != INT32_MIN. */
MG_INLINE int32_t mg_doubling_high(int32_t a, int32_t b) {
  return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* gemmlowp's RoundingDivideByPOT: halves away from zero; 0 <= exponent <= 31. */
MG_INLINE int32_t mg_rounding_shift(int32_t x, int exponent) {
  const int32_t mask = (int32_t)(((uint32_t)1 << exponent) - 1);
  return (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0) ? 1 : 0);
}

/* TFLM's MultiplyByQuantizedMultiplier. */
MG_INLINE int32_t mg_multiply(int32_t x, int32_t multiplier, int shift) {
  const int left = shift > 0 ? shift : 0;
  return mg_rounding_shift(mg_doubling_high((int32_t)((uint32_t)x << left), multiplier),
                           left - shift);
}

/* a / b for |a| < 2^8 b, 0 < b < 2^23, towards 0. Without a divider, the library's function is as
 * large as a kernel. */
MG_INLINE int32_t mg_divide(int32_t a, int32_t b) {
#if MG_SMALL_CPU
  uint32_t rest = (uint32_t)(a < 0 ? -a : a), quotient = 0;
  for (uint32_t bit = 256, d = (uint32_t)b << 8; bit > 0; bit >>= 1, d >>= 1) {
    if (rest >= d) {
      rest -= d;
      quotient += bit;
    }
  }
  return a < 0 ? -(int32_t)quotient : (int32_t)quotient;
#else
  return a / b;
#endif
}

/* Saturation to int8. */
MG_INLINE int32_t mg_saturate(int32_t v) {
#if defined(__ARM_FEATURE_SAT) && defined(__GNUC__)
  __asm__("ssat %0, #8, %0" : "+r"(v));
  return v;
#else
  return (uint32_t)v + 128u > 255u ? (v >> 31) ^ 127 : v;
#endif
}

/* Where registers are few, requantization is a function, and its constants stay in memory;
 * elsewhere they are copied: stores to int8_t could change them otherwise. */
#if MG_SMALL_CPU
#define MG_REQUANTIZE static MG_NOCLONE __attribute__((noinline, unused))
#define MG_HOLD(type, name, from) const type* const name = (from)
#else
#define MG_REQUANTIZE MG_INLINE
#define MG_HOLD(type, name, from)   \
  const type name##_copy = *(from); \
  const type* const name = &name##_copy
#endif

/* The output of an accumulator that already has its bias. */
MG_REQUANTIZE int32_t mg_requantize(int32_t acc, const mg_channel* c, int32_t zero) {
#if defined(MG_WIDE)
  (void)zero;
  return mg_saturate(mg_multiply(acc, c->multiplier, (int)c->shift) + c->zero_point);
#else
  const int32_t v = (int32_t)((uint32_t)acc << 8);
  const int s = *(const uint8_t*)&c->start; /* little-endian, as every supported CPU is */
#if MG_SMALL_CPU /* the high word of a product by four short ones */
  const mg_half* const half = (const mg_half*)(const void*)&c->multiplier;
  const int32_t a0 = acc & 255, a1 = v >> 16, b0 = half[0], b1 = half[1];
  int32_t y = a1 * b1 + ((((a1 * b0 + (a0 * b0 >> 8)) >> 8) + a0 * b1) >> 8);
#else
  int32_t y = (int32_t)((int64_t)v * c->multiplier >> 32);
#endif
  y += ((int32_t)((uint32_t)zero << s) >> 1) + 64;
  if (v < 0) y -= 128;
  return mg_saturate(y >> s);
#endif
}

/* Clamps n bytes: for activations that are narrower than int8, which kernels leave to this. */
void mg_clamp_bytes(int8_t* out, int32_t n, int32_t low, int32_t high);

/* The names of functions that exist twice: with the cheap and with the exact requantization. */
#if defined(MG_WIDE)
#define MG_NAME(name) name##_wide
#else
#define MG_NAME(name) name
#endif

#ifdef __cplusplus
}
#endif
#endif
