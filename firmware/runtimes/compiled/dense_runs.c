#include "runs.h"

void MG_NAME(mg_dense_runs)(const int8_t* in, int8_t* out, const mg_dense_runs_params* p) {
  for (int32_t batch = p->batches; batch > 0; batch--, in += p->depth) {
    const uint8_t* runs = p->runs;
    const mg_channel* channels = p->channels;
    for (int32_t i = 0; i < p->units; i++, channels++) {
      const int8_t* x = in;
      int32_t sum = mg_bias(channels);
      for (const uint8_t* const end = runs + 3 * p->pairs[i]; runs != end; runs += 3) {
        const uint32_t gaps = runs[0];
        x += gaps & 15;
        sum += *x * (int8_t)runs[1];
        x += 1 + (gaps >> 4);
        sum += *x * (int8_t)runs[2];
        x++;
      }
      MG_HOLD(mg_channel, channel, channels);
      *out++ = (int8_t)mg_requantize(sum, channel, p->zero);
    }
  }
}
