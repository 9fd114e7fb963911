#include "quantize.h"

/* The difference has few bits: one product in float is rounded as TFLM's in double is. */
void mg_dequantize_int8(const int8_t* in, float* out, int32_t n, float scale, int32_t zero_point) {
  for (int32_t i = 0; i < n; i++) out[i] = scale * (float)(in[i] - zero_point);
}

void mg_dequantize_uint8(const uint8_t* in, float* out, int32_t n, float scale,
                         int32_t zero_point) {
  for (int32_t i = 0; i < n; i++) out[i] = scale * (float)(in[i] - zero_point);
}

void mg_dequantize_int16(const int16_t* in, float* out, int32_t n, float scale,
                         int32_t zero_point) {
  for (int32_t i = 0; i < n; i++) out[i] = scale * (float)(in[i] - zero_point);
}
