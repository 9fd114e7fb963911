#include "dsp.h"

void MG_NAME(mg_dsp_dense_nibbles)(const int8_t* in, int8_t* out,
                                   const mg_dsp_dense_nibbles_params* p) {
  const int32_t bytes = (p->depth + 3) & ~3;
  for (int32_t batch = p->batches; batch > 0; batch--, in += p->depth) {
    const uint32_t* w = p->weights;
    const mg_channel* channels = p->channels;
    int32_t starts[2], sums[4];
    mg_nibbles_start(in, in + bytes, starts);
    for (int32_t left = p->units; left > 0; left -= 4, w += bytes / 2) {
      for (int32_t i = 0; i < 4; i++) sums[i] = starts[i % 2];
      (left > 2 ? mg_nibbles4 : mg_nibbles2)(in, w, in + bytes, bytes, sums);
      for (int32_t i = 0; i < 4 && i < left; i++, channels++) {
        int32_t sum = sums[i] >> 8;
        if (i % 2) sum = (int32_t)((uint32_t)sums[i] - (uint32_t)sums[i - 1]) >> 12;
        MG_HOLD(mg_channel, channel, channels);
        *out++ = (int8_t)mg_requantize(sum + mg_bias(channel), channel, p->zero);
      }
    }
  }
}
