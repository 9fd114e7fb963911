/* Products of a row with weights, for fully connected layers.
 *
 * Weights have an offset of 128 (ARMv6-M loads unsigned bytes cheaper than signed ones):
 *   sum(x w) = sum(x (w + 128)) - 128 sum(x).
 * They lie as [group of 4 channels][element][4]; the last group is filled up. */
#ifndef MG_ROWS_H
#define MG_ROWS_H

#include "mg_common.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-schedule-insns") /* it hoists loads until sums have no registers left */
#endif

/* Products of a row with all channels; `offset`: 128 times the sum of its bytes. */
MG_INLINE void mg_row(const int8_t* x, int32_t offset, int8_t* out, const uint8_t* w,
                      const mg_channel* c, int32_t n, int32_t channels, int32_t zero) {
  for (int32_t left = channels; left > 0; left -= 4, c += 4) {
    int32_t a0 = mg_bias(c) - offset, a1 = mg_bias(c + 1) - offset, a2 = mg_bias(c + 2) - offset,
            a3 = mg_bias(c + 3) - offset;
    const int8_t* p = x;
#define MG_STEP(i)            \
  do {                        \
    const int32_t v = p[i];   \
    a0 += v * w[4 * (i)];     \
    a1 += v * w[4 * (i) + 1]; \
    a2 += v * w[4 * (i) + 2]; \
    a3 += v * w[4 * (i) + 3]; \
  } while (0)
#if !MG_SMALL_CODE
    for (const int8_t* const end = p + (n & ~7); p != end; p += 8, w += 32) {
      MG_STEP(0);
      MG_STEP(1);
      MG_STEP(2);
      MG_STEP(3);
      MG_STEP(4);
      MG_STEP(5);
      MG_STEP(6);
      MG_STEP(7);
    }
    for (int32_t k = n & 7; k > 0; k--, p++, w += 4) MG_STEP(0);
#else
    for (int32_t k = n; k > 0; k--, p++, w += 4) MG_STEP(0);
#endif
#undef MG_STEP
    const int32_t sums[4] = {a0, a1, a2, a3};
    for (int32_t i = 0; i < 4 && i < left; i++) {
      MG_HOLD(mg_channel, channel, c + i);
      *out++ = (int8_t)mg_requantize(sums[i], channel, zero);
    }
  }
}

#endif
