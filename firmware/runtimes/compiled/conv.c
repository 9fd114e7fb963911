#include "conv.h"

#include "mg_lanes.h"

static MG_NOINLINE void multiply(mg_lane_work* work, int8_t* out, int32_t group,
                                 const mg_conv_params* p) {
  const int32_t n = p->kernel_h * p->kernel_w * p->in_c, fours = (p->out_c + 3) & ~3;
  mg_lanes(work, out + group * p->out_c, p->pixel, p->weights + group * fours * n,
           (const mg_channel*)p->channels + group * fours, n, p->out_c, p->zero);
}

/* Puts the field of an output pixel into a lane; returns the sum of its bytes with their offset. */
static int32_t gather(mg_lane_work* work, int32_t lane, const int8_t* in, const mg_conv_params* p) {
  uint32_t* field = work->fields;
  const int32_t n = p->in_c, pixel = n * p->groups, x0 = work->x[lane];
  /* Taps that lie side by side are copied at once. */
  const int32_t most = p->dilation_w == 1 && p->groups == 1 ? p->kernel_w : 1;
  int32_t sum = 0, y = work->y[lane];
  for (int32_t ky = p->kernel_h; ky > 0; ky--, y += p->dilation_h) {
    const int8_t* const row = in + y * p->in_w * pixel;
    for (int32_t kx = 0, x = x0; kx < p->kernel_w;) {
      int32_t taps = 1;
      if (y < 0 || y >= p->in_h || x < 0 || x >= p->in_w) {
        for (int32_t i = 0; i < n; i++) sum += mg_lane_copy(field + 2 * i, lane, &work->zero, 1);
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

static MG_NOINLINE void gather_lanes(mg_lane_work* work, const int8_t* in,
                                     const mg_conv_params* p) {
  for (int32_t r = 0; r < MG_LANES; r++) work->offsets[r] = 128 * gather(work, r, in, p);
}

#include "mg_compact.h"

void MG_NAME(mg_conv)(const int8_t* in, int8_t* out, void* scratch, const mg_conv_params* p) {
  /* Not on the stack: what a kernel needs there adds up with what its functions need. */
  mg_lane_work* const work = scratch;
  work->zero = (int8_t)p->zero_point;
  for (int32_t batch = p->batches; batch > 0; batch--) {
    int32_t next_y = -p->pad_h, next_x = -p->pad_w, column = p->out_w;
    for (int32_t left = p->out_h * p->out_w; left > 0; left -= MG_LANES) {
      work->lanes = left < MG_LANES ? (int16_t)left : MG_LANES;
      for (int32_t r = 0; r < MG_LANES; r++) {
        work->y[r] = next_y;
        work->x[r] = next_x;
        if (r >= work->lanes - 1) continue; /* lanes that are not there repeat the last one */
        next_x += p->stride_w;
        if (--column == 0) {
          column = p->out_w;
          next_x = -p->pad_w;
          next_y += p->stride_h;
        }
      }
      for (int32_t g = 0; g < p->groups; g++) {
        gather_lanes(work, in + g * p->in_c, p);
        multiply(work, out, g, p);
      }
      next_x += p->stride_w;
      if (--column == 0) {
        column = p->out_w;
        next_x = -p->pad_w;
        next_y += p->stride_h;
      }
      out += work->lanes * p->pixel;
    }
    in += p->in_h * p->in_w * p->in_c * p->groups;
  }
}
