/* Products of three rows at a time with weights, for convolutions.
 *
 * Rows and weights are bytes with an offset of 128, so that they are not negative:
 *   sum(x w) = sum((x + 128)(w + 128)) - 128 sum(x + 128) - 128 sum(w + 128) + 16384 n;
 * the last two terms are in the bias. Weights lie as [group of 4 channels][element][4]; the last
 * group is filled up.
 *
 * Three rows share two words per element: x0 + 2^21 x2 and x1 + 2^10 x2. With one multiplication
 * each, two words of sums hold S0 + 2^21 S2 and S1 + 2^10 S2, modulo 2^32. Of up to 32 products a
 * sum is below 2^21, so the first word is S0 and the low 11 bits of S2; less these, the second is
 * S1 and the other 10. */
#ifndef MG_LANES_H
#define MG_LANES_H

#include "mg_common.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-schedule-insns") /* it hoists loads until sums have no registers left */
#endif

#define MG_LANES 3

/* Keeps a sum as it is: compilers would first add up products of several elements, and run out of
 * registers for them. */
#if defined(__GNUC__)
#define MG_KEEP(sum) __asm__("" : "+r"(sum))
#else
#define MG_KEEP(sum) ((void)0)
#endif

/* Sums of four channels, of each lane 128 times the sum of its bytes, the first tap of its field,
 * and the fields: two words an element. They begin after 88 bytes. */
typedef struct {
  int32_t sums[4 * MG_LANES];
  int32_t offsets[MG_LANES];
  int32_t y[MG_LANES], x[MG_LANES];
  int16_t lanes; /* how many of them have outputs */
  int8_t zero;   /* what lies outside the image */
  uint32_t fields[];
} mg_lane_work;

/* Puts n bytes into lane 0, 1 or 2, in this order; returns the sum of them with their offset. */
MG_INLINE int32_t mg_lane_copy(uint32_t* to, int32_t lane, const int8_t* from, int32_t n) {
  int32_t sum = 0;
#define MG_SET(i) (v = (uint32_t)from[i] + 128u, to[2 * (i)] = v, sum += (int32_t)v)
#define MG_ADD(i)                                                                    \
  (v = (uint32_t)from[i] + 128u, to[2 * (i)] += v << 21, to[2 * (i) + 1] += v << 10, \
   sum += (int32_t)v)
  uint32_t v;
  if (lane == 2) {
#if !MG_SMALL_CODE
    for (; n >= 4; n -= 4, from += 4, to += 8) MG_ADD(0), MG_ADD(1), MG_ADD(2), MG_ADD(3);
#endif
    for (; n > 0; n--, from++, to += 2) MG_ADD(0);
  } else {
    to += lane;
#if !MG_SMALL_CODE
    for (; n >= 4; n -= 4, from += 4, to += 8) MG_SET(0), MG_SET(1), MG_SET(2), MG_SET(3);
#endif
    for (; n > 0; n--, from++, to += 2) MG_SET(0);
  }
#undef MG_SET
#undef MG_ADD
  return sum;
}

/* Adds the sums in words a and b to three sums. */
MG_INLINE void mg_lane_split(uint32_t a, uint32_t b, int32_t* sums) {
  const uint32_t low = a >> 21, rest = b - (low << 10);
  sums[0] += (int32_t)(a & 0x1fffffu);
  sums[1] += (int32_t)(rest & 0x1fffffu);
  sums[2] += (int32_t)(low | rest >> 21 << 11);
}

#if defined(__thumb__) && !defined(__thumb2__) && defined(__GNUC__) && !defined(__clang__)
#define MG_THUMB1 1
/* Two elements with one channel. */
#define MG_TWO(first, second)        \
  "ldmia %[p]!, {r3, r4, r5, r6}\n"  \
  "ldrb %[t], [%[w], #" #first       \
  "]\n"                              \
  "muls r3, %[t], r3\n add r8, r3\n" \
  "muls r4, %[t], r4\n add r9, r4\n" \
  "ldrb %[t], [%[w], #" #second      \
  "]\n"                              \
  "muls r5, %[t], r5\n add r8, r5\n" \
  "muls r6, %[t], r6\n add r9, r6\n"
#else
#define MG_THUMB1 0
#endif

/* Adds the products of up to 32 elements with four channels to twelve sums: of each channel the
 * three lanes. Not inlined, so that nothing else wants registers. */
static MG_NOINLINE void mg_lane_products(const uint32_t* p, const uint8_t* w, int32_t n,
                                         int32_t* sums) {
#if MG_SMALL_CPU /* a channel at a time: there are eight registers */
#define MG_STEP(k)                 \
  do {                             \
    const uint32_t t = w[4 * (k)]; \
    a += p[2 * (k)] * t;           \
    MG_KEEP(a);                    \
    b += p[2 * (k) + 1] * t;       \
    MG_KEEP(b);                    \
  } while (0)
  const uint32_t *const begin = p, *const eights = p + 2 * (n & ~7), *const end = p + 2 * n;
  const uint8_t* const channels = w + 4;
  for (const uint8_t* first = w; first != channels; first++, sums += 3) {
    uint32_t a = 0, b = 0;
    p = begin;
    w = first;
#if MG_THUMB1
    if (p != eights) { /* word by word, as compilers load them, this is 7 instructions an element */
      register uint32_t r3 __asm__("r3") = a;
      register uint32_t r4 __asm__("r4") = b;
      register const uint32_t* r5 __asm__("r5") = eights;
      uint32_t t;
      __asm__(
          ".syntax unified\n mov r8, r3\n mov r9, r4\n mov r10, r5\n"
          "1:\n" MG_TWO(0, 4) MG_TWO(8, 12) MG_TWO(16, 20)
              MG_TWO(24, 28) "adds %[w], #32\n cmp %[p], r10\n bne 1b\n mov r3, r8\n mov r4, r9\n"
          : [p] "+l"(p), [w] "+l"(w), [t] "=&l"(t), "+l"(r3), "+l"(r4), "+l"(r5)
          :
          : "r6", "r8", "r9", "r10", "cc", "memory");
      a = r3;
      b = r4;
    }
#else
    for (; p != eights; p += 16, w += 32) {
      MG_STEP(0);
      MG_STEP(1);
      MG_STEP(2);
      MG_STEP(3);
      MG_STEP(4);
      MG_STEP(5);
      MG_STEP(6);
      MG_STEP(7);
    }
#endif
    for (; p != end; p += 2, w += 4) MG_STEP(0);
    mg_lane_split(a, b, sums);
  }
#else
#define MG_CHANNEL(a, b, k, i)           \
  do {                                   \
    const uint32_t t = w[4 * (k) + (i)]; \
    a += u * t;                          \
    MG_KEEP(a);                          \
    b += v * t;                          \
    MG_KEEP(b);                          \
  } while (0)
#define MG_STEP(k)                                     \
  do {                                                 \
    const uint32_t u = p[2 * (k)], v = p[2 * (k) + 1]; \
    MG_CHANNEL(a0, b0, k, 0);                          \
    MG_CHANNEL(a1, b1, k, 1);                          \
    MG_CHANNEL(a2, b2, k, 2);                          \
    MG_CHANNEL(a3, b3, k, 3);                          \
  } while (0)
  uint32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
#if MG_SMALL_CODE
#define MG_ELEMENTS 2
#else
#define MG_ELEMENTS 8
#endif
  for (const uint32_t* const end = p + 2 * (n & ~(MG_ELEMENTS - 1)); p != end;
       p += 2 * MG_ELEMENTS, w += 4 * MG_ELEMENTS) {
    MG_STEP(0);
    MG_STEP(1);
#if !MG_SMALL_CODE
    MG_STEP(2);
    MG_STEP(3);
    MG_STEP(4);
    MG_STEP(5);
    MG_STEP(6);
    MG_STEP(7);
#endif
  }
  for (n &= MG_ELEMENTS - 1; n > 0; n--, p += 2, w += 4) MG_STEP(0);
  mg_lane_split(a0, b0, sums);
  mg_lane_split(a1, b1, sums + 3);
  mg_lane_split(a2, b2, sums + 6);
  mg_lane_split(a3, b3, sums + 9);
#undef MG_CHANNEL
#undef MG_ELEMENTS
#endif
#undef MG_STEP
}

/* The outputs of `count` channels (up to 4). */
static MG_NOINLINE void mg_lane_outputs(const mg_lane_work* work, const mg_channel* c,
                                        int32_t count, int8_t* out, int32_t out_gap,
                                        const mg_output* o) {
  MG_HOLD(mg_output, output, o);
  const int32_t lanes = work->lanes;
  for (const int32_t* sums = work->sums; count > 0; count--, c++, sums += MG_LANES, out++) {
    MG_HOLD(mg_channel, channel, c);
    out[0] = (int8_t)mg_requantize_open(sums[0], channel, output);
    if (lanes < 2) continue;
    out[out_gap] = (int8_t)mg_requantize_open(sums[1], channel, output);
    if (lanes < 3) continue;
    out[2 * out_gap] = (int8_t)mg_requantize_open(sums[2], channel, output);
  }
}

/* All channels of the lanes, whose outputs are `out_gap` bytes apart. A clamp that is
 * narrower than int8 is left to mg_narrow. */
MG_INLINE void mg_lanes(mg_lane_work* work, int8_t* out, int32_t out_gap, const uint8_t* w,
                        const mg_channel* c, int32_t n, int32_t channels, const mg_output* o) {
#if defined(__riscv) /* has registers for them; elsewhere they would be on the stack */
  const int32_t offsets[MG_LANES] = {work->offsets[0], work->offsets[1], work->offsets[2]};
#else
  const int32_t* const offsets = work->offsets;
#endif
  for (int32_t left = channels; left > 0; left -= 4, c += 4, out += 4) {
    int32_t* const sums = work->sums;
    for (int32_t i = 0; i < 4; i++) {
      const int32_t bias = c[i].bias;
      sums[3 * i] = bias - offsets[0];
      sums[3 * i + 1] = bias - offsets[1];
      sums[3 * i + 2] = bias - offsets[2];
    }
    const uint32_t* p = work->fields;
    for (int32_t rest = n; rest > 0; rest -= 32, p += 64) {
      const int32_t m = rest < 32 ? rest : 32;
      mg_lane_products(p, w, m, sums);
      w += 4 * m;
    }
    mg_lane_outputs(work, c, left < 4 ? left : 4, out, out_gap, o);
  }
}

#endif
