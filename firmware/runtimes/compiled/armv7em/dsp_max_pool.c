#include "dsp_pool.h"

static void most(const int8_t* from, int32_t row, int32_t rows, int32_t columns, int8_t* out,
                 const mg_dsp_pool_params* p) {
  const uint32_t four = mg_window_max(from, p->channels, row, (uint32_t)rows, (uint32_t)columns);
  for (int32_t k = 0; k < 4; k++)
    out[k] = (int8_t)mg_clamp((int8_t)(four >> 8 * k), p->low, p->high);
}

void mg_dsp_max_pool(const int8_t* in, int8_t* out, const mg_dsp_pool_params* p) {
  mg_windows(in, out, p, most);
}
