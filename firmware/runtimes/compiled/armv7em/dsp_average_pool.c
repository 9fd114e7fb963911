#include "dsp_pool.h"

static void mean(const int8_t* from, int32_t row, int32_t rows, int32_t columns, int8_t* out,
                 const mg_dsp_pool_params* p) {
  int32_t sums[4];
  mg_window_sum(from, p->channels, row, (uint32_t)rows, (uint32_t)columns, sums);
  const int32_t count = rows * columns, half = count / 2;
  for (int32_t k = 0; k < 4; k++) {
    out[k] =
        (int8_t)mg_clamp((sums[k] > 0 ? sums[k] + half : sums[k] - half) / count, p->low, p->high);
  }
}

void mg_dsp_average_pool(const int8_t* in, int8_t* out, const mg_dsp_pool_params* p) {
  mg_windows(in, out, p, mean);
}
