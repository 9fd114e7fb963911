#include "dsp_pairs.h"

void MG_NAME(mg_dsp_dense_pairs)(const int8_t* in, int8_t* out, void* scratch,
                                 const mg_dsp_dense_pairs_params* p) {
  const int32_t bytes = (p->depth + 3) & ~3;
  mg_pair_table(scratch, p->book);
  for (int32_t batch = p->batches; batch > 0; batch--, in += p->depth) {
    const uint8_t* w = p->weights;
    const mg_channel* channels = p->channels;
    for (int32_t left = p->units; left > 0; left -= 2, w += bytes) {
      int32_t sums[2];
      mg_pairs2(in, w, in + bytes, scratch, sums);
      for (int32_t i = 0; i < 2 && i < left; i++, channels++) {
        MG_HOLD(mg_channel, channel, channels);
        *out++ = (int8_t)mg_requantize(sums[i] + mg_bias(channel), channel, p->zero);
      }
    }
  }
}
