#include "dsp_compact.h"

void mg_dsp_mean(const int8_t* in, int8_t* out, uint32_t pixels, int32_t channels, int32_t low,
                 int32_t high) {
  const int32_t count = (int32_t)pixels, half = count / 2;
  for (int32_t i = 0; i < channels; i += 4, in += 4) {
    int32_t sums[4];
    mg_window_sum(in, channels, 0, 1, pixels, sums);
    for (int32_t k = 0; k < 4; k++, out++)
      *out = (int8_t)mg_clamp((sums[k] > 0 ? sums[k] + half : sums[k] - half) / count, low, high);
  }
}
