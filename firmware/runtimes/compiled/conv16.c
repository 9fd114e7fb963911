#include "conv16.h"

#ifdef MG_LONG
typedef int64_t mg_sum;
#define MG_CONV16 mg_conv16_long
#else
typedef int32_t mg_sum;
#define MG_CONV16 mg_conv16
#endif

/* The sum of one output, whose first tap is at (y0, x0). */
static mg_sum sum_of(const int16_t* in, const int8_t* w, int32_t y0, int32_t x0,
                     const mg_conv16_params* p) {
  const int32_t n = p->in_c, pixel = n * p->groups;
  mg_sum sum = 0;
  int32_t y = y0;
  for (int32_t ky = 0; ky < p->kernel_h; ky++, y += p->dilation_h) {
    int32_t x = x0;
    for (int32_t kx = 0; kx < p->kernel_w; kx++, x += p->dilation_w, w += n) {
      if (y < 0 || y >= p->in_h || x < 0 || x >= p->in_w) continue;
      const int16_t* from = in + (y * p->in_w + x) * pixel;
      for (int32_t k = 0; k < n; k++) sum += from[k] * w[k];
    }
  }
  return sum;
}

void MG_CONV16(const int16_t* in, int16_t* out, const mg_conv16_params* p) {
  const int32_t taps = p->kernel_h * p->kernel_w * p->in_c, channels = p->groups * p->out_c;
  for (int32_t batch = 0; batch < p->batches; batch++) {
    for (int32_t y = 0; y < p->out_h; y++) {
      for (int32_t x = 0; x < p->out_w; x++) {
        const int32_t y0 = y * p->stride_h - p->pad_h, x0 = x * p->stride_w - p->pad_w;
        for (int32_t c = 0; c < channels; c++) {
          const int16_t* from = in + c / p->out_c * p->in_c;
          const int64_t acc = sum_of(from, p->weights + c * taps, y0, x0, p) + p->bias[c];
          *out++ = mg_requantize16(acc, c, p);
        }
      }
    }
    in += p->in_h * p->in_w * p->in_c * p->groups;
  }
}
