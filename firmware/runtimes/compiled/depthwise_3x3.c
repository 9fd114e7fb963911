#include "depthwise.h"

/* One output channel of a 3x3 kernel without dilation that moves down by one row: its weights stay
 * in registers, and a row of the plane is loaded once for the three outputs that it counts in. */
void MG_NAME(mg_plane_3x3)(const int8_t* plane, int8_t* out, const int8_t* w, const void* channel_,
                           const mg_depthwise_params* p) {
  const int32_t w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3], w4 = w[4], w5 = w[5], w6 = w[6],
                w7 = w[7], w8 = w[8];
  MG_HOLD(mg_channel, channel, (const mg_channel*)channel_);
  const int32_t bias = mg_bias(channel), zero = p->zero;
  const int32_t columns = p->columns, row = p->out_w * p->in_c * p->multiplier;
  for (int32_t x = p->out_w; x > 0; x--, plane += p->stride_w, out += p->in_c * p->multiplier) {
    const int8_t *s = plane, *const end = plane + (p->out_h + 1) * columns;
    int8_t* to = out;
    int32_t a = bias + s[0] * w0 + s[1] * w1 + s[2] * w2;
    s += columns;
    int32_t v = s[0];
    int32_t b = bias + v * w0;
    a += v * w3;
    v = s[1];
    b += v * w1;
    a += v * w4;
    v = s[2];
    b += v * w2;
    a += v * w5;
    while (s != end) {
      s += columns;
      v = s[0];
      int32_t done = a + v * w6, next = bias + v * w0;
      a = b + v * w3;
      v = s[1];
      done += v * w7;
      a += v * w4;
      next += v * w1;
      v = s[2];
      done += v * w8;
      a += v * w5;
      b = next + v * w2;
      *to = (int8_t)mg_requantize(done, channel, zero);
      to += row;
    }
  }
}
