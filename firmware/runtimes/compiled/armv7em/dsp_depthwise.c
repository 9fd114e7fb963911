#include "dsp.h"

void mg_dsp_depthwise(const int8_t *in, int8_t *out, void *scratch, const mg_dsp_depthwise_params *p) {
  int16_t *const plane = scratch;
  const int32_t n = p->rows * p->columns;
  for (int32_t i = 0; i < n; i++) plane[i] = p->zero_point;
  const int32_t *w = p->weights;
  for (int32_t c = p->channels; c > 0; c--, w += p->stride) {
    p->plane(in++, plane + p->first);
    p->kernel(plane, w, out++);
  }
}
