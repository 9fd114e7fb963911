#include "dsp_compact.h"

void mg_dsp_depthwise(const int8_t* in, int8_t* out, void* scratch,
                      const mg_dsp_depthwise_params* p) {
  int16_t* const plane = scratch;
  const int32_t halves = p->rows * p->columns;
  for (int32_t i = 0; i < halves; i++) plane[i] = p->zero_point;
  for (int32_t batch = p->batches; batch > 0; batch--) {
    const int32_t* w = p->weights;
    for (int32_t c = p->channels; c > 0; c--) {
      p->plane(in++, plane + p->first);
      for (int32_t i = p->multiplier; i > 0; i--, w += 5) p->kernel(plane, w, out++, p->zero);
    }
    in += (p->in_pixels - 1) * p->channels;
    out += (p->out_pixels - 1) * p->channels * p->multiplier;
  }
}
