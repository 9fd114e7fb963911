#include "transpose_conv.h"

#include "mg_reach.h"

void MG_NAME(mg_transpose_conv)(const int8_t* in, int8_t* out, const mg_transpose_conv_params* p) {
  const mg_channel* const channels = p->channels;
  const int32_t n = p->in_c, zero = p->zero_point, pixel = n, row = n * p->in_w;
  const int32_t tap_w = n * p->stride_w, tap_h = n * p->kernel_w * p->stride_h;
  for (int32_t batch = 0; batch < p->batches; batch++, in += p->in_h * row) {
    for (int32_t y = 0; y < p->out_h; y++) {
      const mg_reach v = mg_reach_of(y + p->pad_h, p->stride_h, p->kernel_h, p->in_h);
      for (int32_t x = 0; x < p->out_w; x++) {
        const mg_reach h = mg_reach_of(x + p->pad_w, p->stride_w, p->kernel_w, p->in_w);
        const int8_t* w0 = p->weights + (v.tap * p->kernel_w + h.tap) * n;
        for (int32_t c = 0; c < p->out_c; c++, w0 += p->kernel_h * p->kernel_w * n) {
          int32_t acc = mg_bias(&channels[c]);
          for (int32_t i = 0; i < v.count; i++) {
            for (int32_t j = 0; j < h.count; j++) {
              const int8_t *q = in + (v.input - i) * row + (h.input - j) * pixel,
                           *w = w0 + i * tap_h + j * tap_w;
              for (int32_t k = 0; k < n; k++) acc += (q[k] - zero) * w[k];
            }
          }
          *out++ = (int8_t)mg_requantize(acc, &channels[c], p->zero);
        }
      }
    }
  }
}
