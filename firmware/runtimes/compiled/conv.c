#include "conv.h"

#include "mg_rows.h"

/* Copies the field of one output pixel; returns the sum of its bytes. (y0, x0) is its first tap. */
static int32_t gather(uint8_t* field, const int8_t* in, int32_t y0, int32_t x0,
                      const mg_conv_params* p) {
  const int32_t n = p->in_c, pixel = n * p->groups;
  int32_t sum = 0, y = y0;
  for (int32_t ky = 0; ky < p->kernel_h; ky++, y += p->dilation_h) {
    int32_t x = x0;
    for (int32_t kx = 0; kx < p->kernel_w; kx++, x += p->dilation_w, field += n) {
      if (y >= 0 && y < p->in_h && x >= 0 && x < p->in_w) {
        sum += mg_offset_copy(field, in + (y * p->in_w + x) * pixel, n);
      } else {
        memset(field, p->zero_point + 128, (size_t)n);
        sum += n * (p->zero_point + 128);
      }
    }
  }
  return sum;
}

void MG_NAME(mg_conv)(const int8_t* in, int8_t* out, void* scratch, const mg_conv_params* p) {
  uint8_t* const field = scratch;
  const int32_t n = p->kernel_h * p->kernel_w * p->in_c, gap = (n + 3) & ~3;
  const int32_t pixel = p->out_c * p->groups, fours = (p->out_c + 3) & ~3;
  const int32_t pixels = p->out_h * p->out_w;
  for (int32_t batch = 0; batch < p->batches;
       batch++, in += p->in_h * p->in_w * p->in_c * p->groups) {
    int32_t y = -p->pad_h, x = -p->pad_w, column = 0;
    for (int32_t i = 0; i < pixels;) {
      const int32_t many = !MG_SMALL_CPU && p->groups == 1 && i + 1 < pixels ? 2 : 1;
      const int32_t x_start = x, y_start = y;
      int32_t sum[2] = {0, 0};
      for (int32_t g = 0; g < p->groups; g++) {
        const uint8_t* w = p->weights + g * fours * n;
        for (int32_t k = 0; k < many; k++) {
          if (g == 0) {
            sum[k] = gather(field + k * gap, in, y, x, p);
            x += p->stride_w;
            if (++column == p->out_w) {
              column = 0;
              x = -p->pad_w;
              y += p->stride_h;
            }
          } else {
            sum[k] = gather(field, in + g * p->in_c, y_start, x_start, p);
          }
        }
        int8_t* to = out + g * p->out_c;
        const mg_channel* c = p->channels + g * fours;
        if (many == 2) {
          mg_rows(field, 1, 0, gap, sum[0], sum[1], to, pixel, w, c, n, p->out_c, &p->output);
        } else {
          mg_rows(field, 0, 0, 0, sum[0], 0, to, 0, w, c, n, p->out_c, &p->output);
        }
      }
      out += many * pixel;
      i += many;
    }
  }
}
