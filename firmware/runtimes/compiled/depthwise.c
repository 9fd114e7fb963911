#include "depthwise.h"

/* Copies a channel's plane to the middle of its border. What taps do not reach is left out. */
static MG_NOINLINE void widen(int8_t* plane, const int8_t* in, const mg_depthwise_params* p) {
  const int32_t pixel = p->in_c, columns = p->columns;
  const int32_t height = p->in_h < p->rows - p->pad_h ? p->in_h : p->rows - p->pad_h;
  const int32_t width = p->in_w < columns - p->pad_w ? p->in_w : columns - p->pad_w;
  for (int32_t y = 0; y < height; y++) {
    int8_t* to = plane + (y + p->pad_h) * columns + p->pad_w;
    const int8_t* from = in + y * p->in_w * pixel;
    for (int32_t x = 0; x < width; x++, from += pixel) to[x] = *from;
  }
}

#include "mg_compact.h"

void mg_depthwise(const int8_t* in, int8_t* out, void* scratch, const mg_depthwise_params* p) {
  int8_t* const plane = scratch;
  const int32_t taps = p->kernel_h * p->kernel_w, pixel = p->in_c * p->multiplier;
  memset(plane, p->zero_point, (size_t)p->rows * p->columns);
  for (int32_t batch = 0; batch < p->batches; batch++) {
    const int8_t* w = p->weights;
    const int8_t* c = p->channels;
    int8_t* to = out;
    for (int32_t i = 0; i < p->in_c; i++) {
      widen(plane, in + i, p);
      for (int32_t k = 0; k < p->multiplier; k++, w += taps, c += p->channel, to++)
        p->plane(plane, to, w, c, p);
    }
    in += p->in_h * p->in_w * p->in_c;
    out += p->out_h * p->out_w * pixel;
  }
}
