#include "pool.h"

/* Both poolings of int16, with the walk of mg_pool.h. */
static void pool(const int16_t* in, int16_t* out, const mg_pool_params* p, int is_max) {
  const int32_t pixel = p->channels, row = pixel * p->in_w;
  for (int32_t batch = 0; batch < p->batches; batch++, in += p->in_h * row) {
    for (int32_t y = 0; y < p->out_h; y++) {
      const int32_t top = y * p->stride_h - p->pad_h, y0 = top < 0 ? 0 : top;
      const int32_t y1 = top + p->kernel_h < p->in_h ? top + p->kernel_h : p->in_h;
      for (int32_t x = 0; x < p->out_w; x++) {
        const int32_t left = x * p->stride_w - p->pad_w, x0 = left < 0 ? 0 : left;
        const int32_t x1 = left + p->kernel_w < p->in_w ? left + p->kernel_w : p->in_w;
        const int32_t count = (y1 - y0) * (x1 - x0);
        for (int32_t c = 0; c < pixel; c++) {
          int32_t sum = 0, max = INT16_MIN;
          for (int32_t i = y0; i < y1; i++) {
            for (int32_t j = x0; j < x1; j++) {
              const int32_t v = in[i * row + j * pixel + c];
              sum += v;
              if (v > max) max = v;
            }
          }
          const int32_t mean = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
          *out++ = (int16_t)mg_clamp(is_max ? max : mean, p->low, p->high);
        }
      }
    }
  }
}

void mg_average_pool16(const int16_t* in, int16_t* out, const mg_pool_params* p) {
  pool(in, out, p, 0);
}

void mg_max_pool16(const int16_t* in, int16_t* out, const mg_pool_params* p) {
  pool(in, out, p, 1);
}
