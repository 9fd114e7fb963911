#include "quantize.h"

void mg_rescale(const void* in, void* out, int32_t n, const mg_rescale_params* p) {
  for (int32_t i = 0; i < n; i++) {
    int32_t x;
    switch (p->in_kind) {
      case 0:
        x = ((const uint8_t*)in)[i];
        break;
      case 1:
        x = ((const int8_t*)in)[i];
        break;
      case 2:
        x = ((const int16_t*)in)[i];
        break;
      default:
        x = ((const int32_t*)in)[i];
    }
    x = (int32_t)((uint32_t)x - (uint32_t)p->zero_point_in);
    x = (int32_t)((uint32_t)mg_multiply(x, p->multiplier, (int)p->shift) +
                  (uint32_t)p->zero_point_out);
    x = mg_clamp(x, p->low, p->high);
    switch (p->out_kind) {
      case 0:
        ((uint8_t*)out)[i] = (uint8_t)x;
        break;
      case 1:
        ((int8_t*)out)[i] = (int8_t)x;
        break;
      case 2:
        ((int16_t*)out)[i] = (int16_t)x;
        break;
      default:
        ((int32_t*)out)[i] = x;
    }
  }
}
