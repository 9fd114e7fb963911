#include "depthwise.h"

void MG_NAME(mg_plane)(const int8_t* plane, int8_t* out, const int8_t* weights, const void* channel,
                       const mg_depthwise_params* p) {
  const mg_channel* const c = channel;
  const int32_t columns = p->columns, pixel = p->in_c * p->multiplier,
                row = p->dilation_h * columns;
  for (int32_t y = 0; y < p->out_h; y++, plane += p->stride_h * columns) {
    const int8_t* field = plane;
    for (int32_t x = 0; x < p->out_w; x++, field += p->stride_w, out += pixel) {
      const int8_t *w = weights, *line = field;
      int32_t acc = mg_bias(c);
      for (int32_t ky = 0; ky < p->kernel_h; ky++, line += row) {
        const int8_t* tap = line;
        for (int32_t kx = 0; kx < p->kernel_w; kx++, tap += p->dilation_w) acc += *tap * *w++;
      }
      *out = (int8_t)mg_requantize(acc, c, p->zero);
    }
  }
}
