/* Products of rows with weights, for convolutions and fully connected layers.
 *
 * Bytes are stored with an offset of 128 (ARMv6-M loads unsigned bytes cheaper than signed ones),
 * rows and weights alike, and with n elements
 *   sum(x w) = sum((x + 128)(w + 128)) - 128 sum(x + 128) - 128 sum(w + 128) + 16384 n.
 * The last two terms are in the bias. Weights lie as [group of 4 channels][element][4]; the last
 * group is filled up. */
#ifndef MG_ROWS_H
#define MG_ROWS_H

#include "mg_common.h"

/* Copies n bytes with an offset of 128; returns the sum of what it wrote. */
MG_INLINE int32_t mg_offset_copy(uint8_t* to, const int8_t* from, int32_t n) {
  int32_t sum = 0;
  for (int32_t i = 0; i < n; i++) {
    const uint8_t v = (uint8_t)((uint8_t)from[i] ^ 0x80u);
    to[i] = v;
    sum += v;
  }
  return sum;
}

/* Products of one row, or of two that are `gap` bytes apart, with all channels; outputs are
 * `out_gap` bytes apart. With `is_signed` the rows are tensors as they are, and a sum is that of
 * their bytes; else they have the offset. */
MG_INLINE void mg_rows(const uint8_t* x, int two, int is_signed, int32_t gap, int32_t sum0,
                       int32_t sum1, int8_t* out, int32_t out_gap, const uint8_t* w,
                       const mg_channel* c, int32_t n, int32_t channels, const mg_output* o) {
  const uint8_t* const end = x + n;
  sum0 *= 128;
  sum1 *= 128;
  for (int32_t left = channels; left > 0; left -= 4, c += 4, out += 4) {
    int32_t a[4] = {0, 0, 0, 0}, b[4] = {0, 0, 0, 0};
    for (const uint8_t* p = x; p != end; p++, w += 4) {
      const int32_t v = is_signed ? (int8_t)p[0] : p[0];
      a[0] += v * w[0];
      a[1] += v * w[1];
      a[2] += v * w[2];
      a[3] += v * w[3];
      if (two) {
        const int32_t u = is_signed ? (int8_t)p[gap] : p[gap];
        b[0] += u * w[0];
        b[1] += u * w[1];
        b[2] += u * w[2];
        b[3] += u * w[3];
      }
    }
    const int32_t m = left < 4 ? left : 4;
    for (int32_t i = 0; i < m; i++) {
      out[i] = (int8_t)mg_requantize(a[i] - sum0 + c[i].bias, &c[i], o);
      if (two) out[out_gap + i] = (int8_t)mg_requantize(b[i] - sum1 + c[i].bias, &c[i], o);
    }
  }
}

#endif
