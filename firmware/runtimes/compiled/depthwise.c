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

/* One output channel of a 3x3 kernel without dilation that moves down by one row: its weights stay
 * in registers, and a row of the plane is loaded once for the three outputs that it counts in. */
static MG_NOINLINE void plane_3x3(const int8_t* plane, int8_t* out, const int8_t* w,
                                  const mg_channel* c, const mg_depthwise_params* p) {
  const int32_t w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3], w4 = w[4], w5 = w[5], w6 = w[6],
                w7 = w[7], w8 = w[8];
  MG_HOLD(mg_channel, channel, c);
  MG_HOLD(mg_output, output, &p->output);
  const int32_t bias = channel->bias;
  const int32_t columns = p->columns, row = p->out_w * p->in_c * p->multiplier;
  for (int32_t x = p->out_w; x > 0; x--, plane += p->stride_w, out += p->in_c * p->multiplier) {
    const int8_t *s = plane, *const end = plane + (p->out_h + 1) * columns;
    int8_t* to = out;
    int32_t a = bias + s[0] * w0 + s[1] * w1 + s[2] * w2;
    s += columns;
    int32_t v = s[0];
    int32_t b = bias + v * w0;
    a += v * w3;
    v = s[1];
    b += v * w1;
    a += v * w4;
    v = s[2];
    b += v * w2;
    a += v * w5;
    while (s != end) {
      s += columns;
      v = s[0];
      int32_t done = a + v * w6, next = bias + v * w0;
      a = b + v * w3;
      v = s[1];
      done += v * w7;
      a += v * w4;
      next += v * w1;
      v = s[2];
      done += v * w8;
      a += v * w5;
      b = next + v * w2;
      *to = (int8_t)mg_requantize_open(done, channel, output);
      to += row;
    }
  }
}

static MG_NOINLINE void plane_any(const int8_t* plane, int8_t* out, const int8_t* weights,
                                  const mg_channel* c, const mg_depthwise_params* p) {
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
      *out = (int8_t)mg_requantize_open(acc, c, &p->output);
    }
  }
}

void MG_NAME(mg_depthwise)(const int8_t* in, int8_t* out, void* scratch,
                           const mg_depthwise_params* p) {
  int8_t *const plane = scratch, *const begin = out;
  const int32_t taps = p->kernel_h * p->kernel_w, pixel = p->in_c * p->multiplier;
  const int is_3x3 = p->kernel_h == 3 && p->kernel_w == 3 && p->dilation_h == 1 &&
                     p->dilation_w == 1 && p->stride_h == 1;
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
  mg_narrow(begin, (int32_t)(out - begin), &p->output);
}
