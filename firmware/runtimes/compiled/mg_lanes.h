/* Convolutions without SIMD instructions: three output pixels (lanes) with two multiplications.
 *
 * A lane's inputs are the elements under the kernel: its field. Inputs x and weights w become
 * unsigned, by an offset of 128:
 *   sum(x w) = sum((x + 128)(w + 128)) - 128 sum(x + 128) - 128 sum(w + 128) + 16384 n.
 * The generator adds the last two terms to the bias. mg_lane_work.offsets has the second term.
 * Weights are stored as [group of 4 channels][element][4]; the last group is padded.
 *
 * The inputs x0, x1, x2 of the three lanes at one element are packed into two words:
 *   x0 + 2^21 x2 and x1 + 2^10 x2.
 * Their products with a weight, added up over the elements, are, modulo 2^32:
 *   A = S0 + 2^21 S2 and B = S1 + 2^10 S2.
 * A sum S of 32 products of bytes is less than 2^21. So A holds S0 in its low 21 bits and the low
 * 11 bits of S2 above them. Without these 11 bits, B holds S1 in its low 21 bits and the high
 * bits of S2 above them. mg_lane_split takes the three sums out after every 32 elements. */
#ifndef MG_LANES_H
#define MG_LANES_H

#include "mg_common.h"

#if defined(__GNUC__) && !defined(__clang__)
/* The scheduler moves loads forward until no registers are left for the sums. */
#pragma GCC optimize("no-schedule-insns")
#endif

#define MG_LANES 3

/* The sum must be complete here. Compilers would compute products of several elements before they
 * add them, and would need more registers than there are. */
#if defined(__GNUC__)
#define MG_KEEP(sum) __asm__("" : "+r"(sum))
#else
#define MG_KEEP(sum) ((void)0)
#endif

/* The scratch of a convolution: 88 bytes, and 8 for each element of a field. */
typedef struct {
  int32_t sums[4 * MG_LANES];       /* of four channels, each with its lanes */
  int32_t offsets[MG_LANES];        /* 128 times the sum of the lane's unsigned inputs */
  int32_t y[MG_LANES], x[MG_LANES]; /* where the lane's field begins in the image */
  int16_t lanes;                    /* number of lanes that have an output */
  int8_t zero;                      /* the value of pixels outside the image */
  uint32_t fields[];                /* two words for each element */
} mg_lane_work;

/* Packs n bytes into a lane, and returns the sum of them as unsigned bytes. Lanes 0 and 1 must be
 * packed before lane 2, which adds to their words. */
static MG_NOINLINE int32_t mg_lane_copy(uint32_t* to, int32_t lane, const int8_t* from, int32_t n) {
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

/* Takes the sums of three lanes out of the words A and B, and adds them to `sums`. */
MG_INLINE void mg_lane_split(uint32_t a, uint32_t b, int32_t* sums) {
  const uint32_t low = a >> 21, rest = b - (low << 10);
  sums[0] += (int32_t)(a & 0x1fffffu);
  sums[1] += (int32_t)(rest & 0x1fffffu);
  sums[2] += (int32_t)(low | rest >> 21 << 11);
}

#if defined(__thumb__) && !defined(__thumb2__) && defined(__GNUC__) && !defined(__clang__)
#define MG_THUMB1 1
/* Multiplies two elements with the weights of one channel. */
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

/* Multiplies up to 32 elements with the weights of four channels, and adds to twelve sums: three
 * lanes for each channel. Not inlined: the caller's variables would take its registers. */
static MG_NOINLINE void mg_lane_products(const uint32_t* p, const uint8_t* w, int32_t n,
                                         int32_t* sums) {
#if MG_SMALL_CPU /* one channel at a time: the CPU has eight registers for it */
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
    if (p != eights) { /* ldmia loads four words at once; compilers load one at a time */
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
    (a) += u * t;                        \
    MG_KEEP(a);                          \
    (b) += v * t;                        \
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
#elif defined(__riscv) /* more of them do not get registers */
#define MG_ELEMENTS 4
#else
#define MG_ELEMENTS 8
#endif
  for (const uint32_t* const end = p + 2 * (n & ~(MG_ELEMENTS - 1)); p != end;
       p += 2 * MG_ELEMENTS, w += 4 * MG_ELEMENTS) {
    MG_STEP(0);
    MG_STEP(1);
#if MG_ELEMENTS >= 4
    MG_STEP(2);
    MG_STEP(3);
#endif
#if MG_ELEMENTS >= 8
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

/* Requantizes the sums of `count` channels (up to 4), and writes their outputs for all lanes. */
static MG_NOINLINE void mg_lane_outputs(const mg_lane_work* work, const mg_channel* c,
                                        int32_t count, int8_t* out, int32_t out_gap, int32_t zero) {
  const int32_t lanes = work->lanes;
  for (const int32_t* sums = work->sums; count > 0; count--, c++, sums += MG_LANES, out++) {
    MG_HOLD(mg_channel, channel, c);
    out[0] = (int8_t)mg_requantize(sums[0], channel, zero);
    if (lanes < 2) continue;
    out[out_gap] = (int8_t)mg_requantize(sums[1], channel, zero);
    if (lanes < 3) continue;
    out[2 * out_gap] = (int8_t)mg_requantize(sums[2], channel, zero);
  }
}

/* Computes all channels of the lanes.
 *
 * out: the first lane's outputs; those of the next lane begin `out_gap` bytes later.
 * n: number of elements of a field. The outputs are clamped to int8 only: mg_narrow applies a
 * narrower clamp. */
MG_INLINE void mg_lanes(mg_lane_work* work, int8_t* out, int32_t out_gap, const uint8_t* w,
                        const mg_channel* c, int32_t n, int32_t channels, int32_t zero) {
#if defined(__riscv) /* keeps the copies in registers; other CPUs would keep them on the stack */
  const int32_t offsets[MG_LANES] = {work->offsets[0], work->offsets[1], work->offsets[2]};
#else
  const int32_t* const offsets = work->offsets;
#endif
  for (int32_t left = channels; left > 0; left -= 4, c += 4, out += 4) {
    int32_t* const sums = work->sums;
    for (int32_t i = 0; i < 4; i++) {
      const int32_t bias = mg_bias(c + i);
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
    mg_lane_outputs(work, c, left < 4 ? left : 4, out, out_gap, zero);
  }
}

#endif
