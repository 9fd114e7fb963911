#include "softmax.h"

/* 1 / (1 + x) in Q0.31 for x in [0, 1): gemmlowp's one_over_one_plus_x_for_x_in_0_1(), three steps
 * of Newton's. */
static int32_t reciprocal(int32_t x) {
  const int32_t half = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
  int32_t y = 1515870810 + mg_doubling_high(half, -1010580540); /* 48/17 - 32/17 half, in Q2.29 */
  for (int i = 0; i < 3; i++) {
    const int64_t step = (int64_t)mg_doubling_high(y, (1 << 29) - mg_doubling_high(half, y)) * 4;
    y += (int32_t)(step > INT32_MAX ? INT32_MAX : step < INT32_MIN ? INT32_MIN : step);
  }
  return y > 0x3fffffff ? INT32_MAX : y * 2;
}

void mg_softmax(const int8_t* in, int8_t* out, int32_t rows, int32_t depth,
                const int32_t* exponentials, int32_t entries) {
  for (; rows > 0; rows--, in += depth, out += depth) {
    int32_t top = INT8_MIN, sum = 0;
    for (int32_t i = 0; i < depth; i++) {
      if (in[i] > top) top = in[i];
    }
    for (int32_t i = 0; i < depth; i++) {
      if (top - in[i] < entries) sum += mg_rounding_shift(exponentials[top - in[i]], 12);
    }
    int headroom = 0;
    while (((uint32_t)sum << headroom) < 0x80000000u) headroom++;
    const int32_t scale = reciprocal((int32_t)(((uint32_t)sum << headroom) - 0x80000000u));
    for (int32_t i = 0; i < depth; i++) {
      int32_t y = INT8_MIN;
      if (top - in[i] < entries) {
        y += mg_rounding_shift(mg_doubling_high(scale, exponentials[top - in[i]]), 35 - headroom);
      }
      out[i] = (int8_t)mg_clamp(y, INT8_MIN, INT8_MAX);
    }
  }
}
