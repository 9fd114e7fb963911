/* Windows of pooling. */
#ifndef MG_DSP_POOL_H
#define MG_DSP_POOL_H

#include "dsp_compact.h"

/* Four channels of a window: from `from` on, a pixel is `p->channels` bytes wide, a row `row`. */
typedef void mg_window(const int8_t* from, int32_t row, int32_t rows, int32_t columns, int8_t* out,
                       const mg_dsp_pool_params* p);

MG_INLINE void mg_windows(const int8_t* in, int8_t* out, const mg_dsp_pool_params* p,
                          mg_window* window) {
  const int32_t c = p->channels, row = p->in_w * c;
  for (int32_t batch = p->batches; batch > 0; batch--, in += p->in_h * row) {
    for (int32_t y = 0; y < p->out_h; y++) {
      int32_t top = y * p->stride_h - p->pad_h, bottom = top + p->kernel_h;
      if (top < 0) top = 0;
      if (bottom > p->in_h) bottom = p->in_h;
      for (int32_t x = 0; x < p->out_w; x++) {
        int32_t left = x * p->stride_w - p->pad_w, right = left + p->kernel_w;
        if (left < 0) left = 0;
        if (right > p->in_w) right = p->in_w;
        const int8_t* const from = in + top * row + left * c;
        for (int32_t i = 0; i < c; i += 4, out += 4)
          window(from + i, row, bottom - top, right - left, out, p);
      }
    }
  }
}

#endif
