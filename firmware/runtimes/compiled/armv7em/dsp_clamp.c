#include "dsp.h"

void mg_dsp_clamp(int8_t* out, uint32_t n, int32_t low, int32_t high) {
  for (; n > 0; n--, out++) *out = (int8_t)mg_clamp(*out, low, high);
}
