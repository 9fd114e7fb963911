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

/* An output channel: its bias, and how its accumulator becomes an output.
 * Cheap form (proven by the generator): (((acc << prescale) * multiplier >> 32) + addend) >> shift.
 * Exact form (files *_wide.c): TFLM's multiplier, the output's zero point and TFLM's shift. */
typedef struct {
  int32_t bias;
  int32_t multiplier;
  int32_t addend;
  int32_t shift;
} mg_channel;

/* What requantization has in common for all channels of a layer. `tie` is subtracted below zero. */
typedef struct {
  uint16_t tie;
  uint8_t prescale;
  int16_t low, high;
} mg_output;

MG_INLINE int32_t mg_clamp(int32_t v, int32_t low, int32_t high) {
  return v < low ? low : v > high ? high : v;
}

/* The high word of a product; 0 <= b. */
MG_INLINE int32_t mg_multiply_high(int32_t a, int32_t b) {
#if MG_SMALL_CPU
  const int32_t a0 = a & 0xffff, a1 = a >> 16, b0 = b & 0xffff, b1 = b >> 16;
  const int32_t middle = a1 * b0 + (int32_t)((uint32_t)a0 * (uint32_t)b0 >> 16);
  return a1 * b1 + (middle >> 16) +
         (int32_t)(((uint32_t)(a0 * b1) + (uint32_t)(middle & 0xffff)) >> 16);
#else
  return (int32_t)(((int64_t)a * b) >> 32);
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

/* The output of an accumulator that already has its bias, before a clamp that is narrower than
 * int8. */
MG_REQUANTIZE int32_t mg_requantize_open(int32_t acc, const mg_channel* c, const mg_output* o) {
#if defined(MG_WIDE)
  (void)o;
  return mg_saturate(mg_multiply(acc, c->multiplier, (int)c->shift) + c->addend);
#else
  int32_t y;
#if MG_SMALL_CPU
  if (__builtin_expect(o->prescale == 8,
                       1)) { /* the high word of (acc << 8) * multiplier, by four short products */
    const int32_t a0 = acc & 255, a1 = acc >> 8;
    const mg_half* const half = (const mg_half*)(const void*)&c->multiplier; /* little-endian */
    const int32_t b0 = half[0], b1 = half[1];
    y = a1 * b1 + ((((a1 * b0 + (a0 * b0 >> 8)) >> 8) + a0 * b1) >> 8);
  } else
#endif
  {
    y = mg_multiply_high((int32_t)((uint32_t)acc << o->prescale), c->multiplier);
  }
  y += c->addend - ((acc >> 31) & o->tie);
  return mg_saturate(y >> c->shift);
#endif
}

/* The output of an accumulator that already has its bias. */
MG_INLINE int32_t mg_requantize(int32_t acc, const mg_channel* c, const mg_output* o) {
  return mg_clamp(mg_requantize_open(acc, c, o), o->low, o->high);
}

/* Clamps n outputs of mg_requantize_open, where the clamp is narrower than int8. */
MG_INLINE void mg_narrow(int8_t* out, int32_t n, const mg_output* o) {
  if (o->high - o->low == 255) return;
  for (; n > 0; n--, out++) *out = (int8_t)mg_clamp(*out, o->low, o->high);
}

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
