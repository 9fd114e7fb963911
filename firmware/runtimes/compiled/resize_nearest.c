#include "resize.h"

void mg_resize_nearest(const void* in_, void* out_, const mg_resize_nearest_params* p) {
  const int8_t* in = in_;
  int8_t* out = out_;
  const int32_t pixel = p->bytes, row = pixel * p->in_w;
  for (int32_t batch = 0; batch < p->batches; batch++, in += p->in_h * row) {
    for (int32_t y = 0; y < p->out_h; y++) {
      const int8_t* const from = in + p->rows[y] * row;
      for (int32_t x = 0; x < p->out_w; x++, out += pixel) {
        memcpy(out, from + p->columns[x] * pixel, (size_t)pixel);
      }
    }
  }
}
