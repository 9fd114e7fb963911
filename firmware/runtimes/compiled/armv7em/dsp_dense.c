#include "dsp.h"

void MG_NAME(mg_dsp_dense)(const int8_t* in, int8_t* out, void* scratch,
                           const mg_dsp_dense_params* p) {
  const int32_t groups = (p->units + 3) / 4;
  int32_t *const sums = (int32_t*)scratch + p->part / 2, *const part = sums + 4 * groups;
  const int32_t* w = p->weights;
  for (int32_t i = 0; i < 4 * groups; i++) sums[i] = 0;
  for (int32_t left = p->depth; left > 0; left -= p->part, in += p->part) {
    const int32_t fours = ((left < p->part ? left : p->part) + 3) / 4;
    const int32_t* const end = w + groups * 4 * fours;
    mg_widen1(scratch, in, (uint32_t)fours);
    p->kernel(scratch, w, end, part, (uint32_t)fours);
    for (int32_t i = 0; i < 4 * groups; i++) sums[i] += part[i];
    w = end;
  }
  for (int32_t i = 0; i < p->units; i++) {
    const mg_channel* const c = (const mg_channel*)p->channels + i;
    out[i] = (int8_t)mg_requantize(sums[i] + mg_bias(c), c, p->zero);
  }
}
