/* Fields of four output pixels side by side, for convolutions that skip zeros. */
#ifndef MG_FIELDS_H
#define MG_FIELDS_H

#include "field_shape.h"

#define MG_PIXELS 4 /* that share the reading of a weight */

/* Puts n bytes into the halfwords of a pixel. */
static MG_NOINLINE void widen(int16_t* to, const int8_t* from, int32_t n) {
  for (; n >= 4; n -= 4, from += 4, to += 4 * MG_PIXELS) {
    to[0] = from[0];
    to[MG_PIXELS] = from[1];
    to[2 * MG_PIXELS] = from[2];
    to[3 * MG_PIXELS] = from[3];
  }
  for (; n > 0; n--, from++, to += MG_PIXELS) *to = *from;
}

/* Puts the field of an output pixel into its halfwords. */
MG_INLINE void gather(int16_t* to, const int8_t* in, int32_t y, int32_t x0,
                      const mg_field_shape* p) {
  const int32_t n = p->in_c;
  const int32_t most = p->dilation_w == 1 ? p->kernel_w : 1;
  for (int32_t ky = p->kernel_h; ky > 0; ky--, y += p->dilation_h) {
    const int8_t* const row = in + y * p->in_w * n;
    for (int32_t kx = 0, x = x0; kx < p->kernel_w;) {
      int32_t taps = 1;
      if (y < 0 || y >= p->in_h || x < 0 || x >= p->in_w) {
        for (int32_t i = 0; i < n; i++) to[MG_PIXELS * i] = p->zero_point;
      } else {
        taps = p->kernel_w - kx < most ? p->kernel_w - kx : most;
        if (taps > p->in_w - x) taps = p->in_w - x;
        widen(to, row + x * n, taps * n);
      }
      to += MG_PIXELS * taps * n;
      kx += taps;
      x += taps * p->dilation_w;
    }
  }
}

/* Where the next output pixel's field begins. */
typedef struct {
  int32_t y, x, column;
} mg_field_at;

/* Puts the fields of some pixels, up to four, beside each other, and moves on. */
MG_INLINE void mg_gather(int16_t* to, const int8_t* in, int32_t pixels, mg_field_at* at,
                         const mg_field_shape* p) {
  for (int32_t r = 0; r < pixels; r++) {
    gather(to + r, in, at->y, at->x, p);
    at->x += p->stride_w;
    if (--at->column == 0) {
      at->column = p->out_w;
      at->x = -p->pad_w;
      at->y += p->stride_h;
    }
  }
}

#endif
