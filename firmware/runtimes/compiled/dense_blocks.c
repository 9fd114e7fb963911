#include "blocks.h"

void MG_NAME(mg_dense_blocks)(const int8_t* in, int8_t* out, const mg_dense_blocks_params* p) {
  const int32_t units = p->units;
  for (int32_t batch = p->batches; batch > 0; batch--, in += p->depth, out += units) {
    const int8_t* w = p->blocks.weights;
    const uint8_t* gaps = p->blocks.gaps;
    for (int32_t c = 0; c < units; c += 2) {
      const mg_channel* const channels = (const mg_channel*)p->channels + c;
      int32_t a = mg_bias(channels), b = mg_bias(channels + 1);
      const int8_t* x = in - 4; /* where block -1 would be */
      for (int32_t gap = *gaps++; gap != 0; gap = *gaps++, w += 8) {
        x += 4 * gap;
        a += x[0] * w[0] + x[1] * w[2] + x[2] * w[4] + x[3] * w[6];
        b += x[0] * w[1] + x[1] * w[3] + x[2] * w[5] + x[3] * w[7];
      }
      MG_HOLD(mg_channel, first, channels);
      out[c] = (int8_t)mg_requantize(a, first, p->zero);
      if (c + 1 == units) break;
      MG_HOLD(mg_channel, second, channels + 1);
      out[c + 1] = (int8_t)mg_requantize(b, second, p->zero);
    }
  }
}
