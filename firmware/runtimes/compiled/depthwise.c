#include "depthwise.h"

/* Copies a channel's plane to the middle of its border. What taps do not reach is left out. */
static void widen(int8_t* plane, const int8_t* in, const mg_depthwise_params* p) {
  const int32_t pixel = p->in_c, columns = p->columns;
  const int32_t height = p->in_h < p->rows - p->pad_h ? p->in_h : p->rows - p->pad_h;
  const int32_t width = p->in_w < columns - p->pad_w ? p->in_w : columns - p->pad_w;
  for (int32_t y = 0; y < height; y++) {
    int8_t* to = plane + (y + p->pad_h) * columns + p->pad_w;
    const int8_t* from = in + y * p->in_w * pixel;
    for (int32_t x = 0; x < width; x++, from += pixel) to[x] = *from;
  }
}

/* One output channel of a 3x3 kernel without dilation: its weights stay in registers. */
static void plane_3x3(const int8_t* plane, int8_t* out, const int8_t* w, const mg_channel* c,
                      const mg_depthwise_params* p) {
  const int32_t w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3], w4 = w[4], w5 = w[5], w6 = w[6],
                w7 = w[7], w8 = w[8];
  const int32_t columns = p->columns, step = p->stride_w, pixel = p->in_c * p->multiplier;
  for (int32_t y = 0; y < p->out_h; y++, plane += p->stride_h * columns) {
    const int8_t *a = plane, *b = a + columns, *d = b + columns;
    for (int32_t x = 0; x < p->out_w; x++, a += step, b += step, d += step, out += pixel) {
      const int32_t acc = c->bias + a[0] * w0 + a[1] * w1 + a[2] * w2 + b[0] * w3 + b[1] * w4 +
                          b[2] * w5 + d[0] * w6 + d[1] * w7 + d[2] * w8;
      *out = (int8_t)mg_requantize(acc, c, &p->output);
    }
  }
}

static void plane_any(const int8_t* plane, int8_t* out, const int8_t* weights, const mg_channel* c,
                      const mg_depthwise_params* p) {
  const int32_t columns = p->columns, pixel = p->in_c * p->multiplier,
                row = p->dilation_h * columns;
  for (int32_t y = 0; y < p->out_h; y++, plane += p->stride_h * columns) {
    const int8_t* field = plane;
    for (int32_t x = 0; x < p->out_w; x++, field += p->stride_w, out += pixel) {
      const int8_t *w = weights, *line = field;
      int32_t acc = c->bias;
      for (int32_t ky = 0; ky < p->kernel_h; ky++, line += row) {
        const int8_t* tap = line;
        for (int32_t kx = 0; kx < p->kernel_w; kx++, tap += p->dilation_w) acc += *tap * *w++;
      }
      *out = (int8_t)mg_requantize(acc, c, &p->output);
    }
  }
}

void MG_NAME(mg_depthwise)(const int8_t* in, int8_t* out, void* scratch,
                           const mg_depthwise_params* p) {
  int8_t* const plane = scratch;
  const int32_t taps = p->kernel_h * p->kernel_w, pixel = p->in_c * p->multiplier;
  const int is_3x3 =
      p->kernel_h == 3 && p->kernel_w == 3 && p->dilation_h == 1 && p->dilation_w == 1;
  memset(plane, p->zero_point, (size_t)p->rows * p->columns);
  for (int32_t batch = 0; batch < p->batches; batch++) {
    const int8_t* w = p->weights;
    const mg_channel* c = p->channels;
    int8_t* to = out;
    for (int32_t i = 0; i < p->in_c; i++) {
      widen(plane, in + i, p);
      for (int32_t k = 0; k < p->multiplier; k++, w += taps, c++, to++) {
        if (is_3x3) {
          plane_3x3(plane, to, w, c, p);
        } else {
          plane_any(plane, to, w, c, p);
        }
      }
    }
    in += p->in_h * p->in_w * p->in_c;
    out += p->out_h * p->out_w * pixel;
  }
}
