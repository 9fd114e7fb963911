#include "dsp.h"

void mg_dsp_dense(const int8_t *in, int8_t *out, void *scratch, const mg_dsp_dense_params *p) {
  const uint32_t depth = p->depth, fours = (depth + 3) / 4;
  uint32_t *d = scratch;
  if (depth >= 4) d = mg_widen1(d, in, depth / 4);
  if (depth % 4) {
    int8_t last[4] = {0, 0, 0, 0};
    for (uint32_t i = 0; i < depth % 4; i++) last[i] = in[depth / 4 * 4 + i];
    mg_widen1(d, last, 1);
  }
  if (p->tail != p->weights) p->kernel(scratch, p->weights, p->tail, out, fours);
  if (p->tail != p->end) {
    int8_t last[4];
    p->kernel(scratch, p->tail, p->end, last, fours);
    for (uint32_t i = 0; i < p->units % 4u; i++) out[p->units / 4 * 4 + i] = last[i];
  }
}
