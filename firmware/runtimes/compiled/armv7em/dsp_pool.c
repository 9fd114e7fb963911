#include "dsp.h"

static int8_t mean(int32_t sum, int32_t count, const mg_dsp_pool_params *p) {
  const int32_t half = count / 2;
  return (int8_t)mg_clamp((sum > 0 ? sum + half : sum - half) / count, p->low, p->high);
}

void mg_dsp_pool(const int8_t *in, int8_t *out, const mg_dsp_pool_params *p) {
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
        const int8_t *from = in + top * row + left * c;
        const uint32_t rows = (uint32_t)(bottom - top), columns = (uint32_t)(right - left);
        for (int32_t i = 0; i < c; i += 4, from += 4, out += 4) {
          if (p->maximum) {
            const uint32_t four = mg_window_max(from, c, row, rows, columns);
            for (int32_t k = 0; k < 4; k++) out[k] = (int8_t)mg_clamp((int8_t)(four >> 8 * k), p->low, p->high);
          } else {
            int32_t sums[4];
            mg_window_sum(from, c, row, rows, columns, sums);
            for (int32_t k = 0; k < 4; k++) out[k] = mean(sums[k], (int32_t)(rows * columns), p);
          }
        }
      }
    }
  }
}
