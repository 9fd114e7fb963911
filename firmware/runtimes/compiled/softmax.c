#include "softmax.h"

#include "mg_compact.h"

/* gemmlowp's products of Q0.31 numbers: one function for all of them, 64 bits are long where a
 * register has 32. */
static MG_NOINLINE int32_t high(int32_t a, int32_t b) { return mg_doubling_high(a, b); }

/* 1 / (1 + x) in Q0.31 for x in [0, 1): gemmlowp's one_over_one_plus_x_for_x_in_0_1(), three steps
 * of Newton's. */
static int32_t reciprocal(int32_t x) {
  const int32_t half = (int32_t)(((uint32_t)x + 0x80000000u) >> 1);
  int32_t y = 1515870810 + high(half, -1010580540); /* 48/17 - 32/17 half, in Q2.29 */
  for (int i = 0; i < 3; i++) {
    const int32_t step = high(y, (1 << 29) - high(half, y));
    y += step > INT32_MAX / 4 ? INT32_MAX : step < INT32_MIN / 4 ? INT32_MIN : step * 4;
  }
  return y > 0x3fffffff ? INT32_MAX : y * 2;
}

void mg_softmax(const int8_t* in, int8_t* out, int32_t rows, int32_t depth,
                const int32_t* exponentials, int32_t entries) {
  for (; rows > 0; rows--, in += depth, out += depth) {
    int32_t top = INT8_MIN;
    for (int32_t i = 0; i < depth; i++) {
      if (in[i] > top) top = in[i];
    }
    /* The sum of the exponentials first, then the outputs. */
    int32_t scale = 0;
    int headroom = 0;
    for (int is_output = 0; is_output < 2; is_output++) {
      uint32_t sum = 0;
      for (int32_t i = 0; i < depth; i++) {
        const int32_t d = top - in[i];
        int32_t y = 0;
        int exponent = 12;
        if (d < entries) {
          y = exponentials[d];
          if (is_output) {
            y = high(scale, y);
            exponent = 35 - headroom;
          }
          y = mg_rounding_shift(y, exponent);
        }
        sum += (uint32_t)y;
        if (is_output) out[i] = (int8_t)mg_clamp(y + INT8_MIN, INT8_MIN, INT8_MAX);
      }
      if (is_output) break;
      for (; !(sum & 0x80000000u); sum <<= 1) headroom++;
      scale = reciprocal((int32_t)(sum - 0x80000000u));
    }
  }
}
