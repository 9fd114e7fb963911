/* The walk over fields that both poolings share. */
#ifndef MG_POOL_WALK_H
#define MG_POOL_WALK_H

#include "pool.h"

/* Pools one channel of a field of rows * columns taps; `row` and `pixel` are the distances of taps.
 */
typedef int32_t mg_pool_field(const int8_t* in, int32_t rows, int32_t columns, int32_t row,
                              int32_t pixel);

MG_INLINE void mg_pool(const int8_t* in, int8_t* out, const mg_pool_params* p,
                       mg_pool_field* pool) {
  const int32_t pixel = p->channels, row = pixel * p->in_w;
  for (int32_t batch = 0; batch < p->batches; batch++, in += p->in_h * row) {
    for (int32_t y = 0; y < p->out_h; y++) {
      const int32_t top = y * p->stride_h - p->pad_h, y0 = top < 0 ? 0 : top;
      const int32_t y1 = top + p->kernel_h < p->in_h ? top + p->kernel_h : p->in_h;
      for (int32_t x = 0; x < p->out_w; x++) {
        const int32_t left = x * p->stride_w - p->pad_w, x0 = left < 0 ? 0 : left;
        const int32_t x1 = left + p->kernel_w < p->in_w ? left + p->kernel_w : p->in_w;
        const int8_t* field = in + y0 * row + x0 * pixel;
        for (int32_t c = 0; c < pixel; c++) {
          *out++ = (int8_t)mg_clamp(pool(field + c, y1 - y0, x1 - x0, row, pixel), p->low, p->high);
        }
      }
    }
  }
}

#endif
