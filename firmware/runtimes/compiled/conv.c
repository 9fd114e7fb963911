#include "conv.h"

#include "mg_lanes.h"

/* Puts the field of an output pixel into a lane; returns the sum of its bytes with their offset.
 * (y, x0) is its first tap. */
static MG_NOINLINE int32_t gather(uint32_t* field, int32_t lane, const int8_t* in, int32_t y,
                                  int32_t x0, const mg_conv_params* p) {
  const int32_t n = p->in_c, pixel = n * p->groups;
  const int8_t zero = (int8_t)p->zero_point;
  /* Taps that lie side by side are copied at once. */
  const int32_t most = p->dilation_w == 1 && p->groups == 1 ? p->kernel_w : 1;
  int32_t sum = 0;
  for (int32_t ky = p->kernel_h; ky > 0; ky--, y += p->dilation_h) {
    const int8_t* const row = in + y * p->in_w * pixel;
    for (int32_t kx = 0, x = x0; kx < p->kernel_w;) {
      int32_t taps = 1;
      if (y < 0 || y >= p->in_h || x < 0 || x >= p->in_w) {
        for (int32_t i = 0; i < n; i++) sum += mg_lane_copy(field + 2 * i, lane, &zero, 1);
      } else {
        taps = p->kernel_w - kx < most ? p->kernel_w - kx : most;
        if (taps > p->in_w - x) taps = p->in_w - x;
        sum += mg_lane_copy(field, lane, row + x * pixel, taps * n);
      }
      field += 2 * taps * n;
      kx += taps;
      x += taps * p->dilation_w;
    }
  }
  return sum;
}

static MG_NOINLINE void multiply(const uint32_t* field, const int32_t* sums, int32_t lanes,
                                 int8_t* out, int32_t group, const mg_conv_params* p) {
  const int32_t n = p->kernel_h * p->kernel_w * p->in_c, fours = (p->out_c + 3) & ~3;
  mg_lanes(field, sums, lanes, out + group * p->out_c, p->out_c * p->groups,
           p->weights + group * fours * n, p->channels + group * fours, n, p->out_c, &p->output);
}

void MG_NAME(mg_conv)(const int8_t* in, int8_t* out, void* scratch, const mg_conv_params* p) {
  int8_t* const begin = out;
  for (int32_t batch = p->batches; batch > 0; batch--) {
    int32_t y[MG_LANES], x[MG_LANES], sums[MG_LANES];
    int32_t next_y = -p->pad_h, next_x = -p->pad_w, column = p->out_w;
    for (int32_t left = p->out_h * p->out_w; left > 0; left -= MG_LANES) {
      const int32_t lanes = left < MG_LANES ? left : MG_LANES;
      for (int32_t r = 0; r < MG_LANES; r++) {
        y[r] = next_y;
        x[r] = next_x;
        if (r >= lanes - 1) continue; /* lanes that are not there repeat the last one */
        next_x += p->stride_w;
        if (--column == 0) {
          column = p->out_w;
          next_x = -p->pad_w;
          next_y += p->stride_h;
        }
      }
      for (int32_t g = 0; g < p->groups; g++) {
        for (int32_t r = 0; r < MG_LANES; r++) {
          sums[r] = 128 * gather(scratch, r, in + g * p->in_c, y[r], x[r], p);
        }
        multiply(scratch, sums, lanes, out, g, p);
      }
      next_x += p->stride_w;
      if (--column == 0) {
        column = p->out_w;
        next_x = -p->pad_w;
        next_y += p->stride_h;
      }
      out += lanes * p->out_c * p->groups;
    }
    in += p->in_h * p->in_w * p->in_c * p->groups;
  }
  mg_narrow(begin, (int32_t)(out - begin), &p->output);
}
