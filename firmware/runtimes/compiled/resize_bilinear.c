#include "resize.h"

void mg_resize_bilinear(const int8_t* in, int8_t* out, const mg_resize_bilinear_params* p) {
  const int32_t pixel = p->channels, row = pixel * p->in_w;
  for (int32_t batch = 0; batch < p->batches; batch++, in += p->in_h * row) {
    for (int32_t y = 0; y < p->out_h; y++) {
      const mg_between* const v = &p->rows[y];
      const int8_t *above = in + v->first * row, *below = in + v->second * row;
      const int32_t v1 = v->fraction, v0 = 1024 - v1;
      for (int32_t x = 0; x < p->out_w; x++) {
        const mg_between* const h = &p->columns[x];
        const int32_t left = h->first * pixel, right = h->second * pixel;
        const int32_t h1 = h->fraction, h0 = 1024 - h1;
        for (int32_t c = 0; c < pixel; c++) {
          const int32_t sum = above[left + c] * v0 * h0 + below[left + c] * v1 * h0 +
                              above[right + c] * v0 * h1 + below[right + c] * v1 * h1;
          *out++ = (int8_t)((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
        }
      }
    }
  }
}
