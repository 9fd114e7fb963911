#include "quantize.h"

static int32_t steps_of(float steps, int32_t zero_point, int32_t low, int32_t high) {
  /* Compared as a float first: converting what no int32_t holds is undefined. */
  if (steps <= (float)(low - zero_point)) return low;
  if (steps >= (float)(high - zero_point)) return high;
  if (steps != steps) return zero_point;
  const int32_t whole = (int32_t)steps;
  const float rest = steps - (float)whole;
  return zero_point + whole + (rest >= 0.5f ? 1 : rest <= -0.5f ? -1 : 0);
}

void mg_quantize_int8(const float* in, int8_t* out, int32_t n, float scale, int32_t zero_point) {
  for (int32_t i = 0; i < n; i++)
    out[i] = (int8_t)steps_of(in[i] / scale, zero_point, INT8_MIN, INT8_MAX);
}

void mg_quantize_int16(const float* in, int16_t* out, int32_t n, float scale, int32_t zero_point) {
  for (int32_t i = 0; i < n; i++)
    out[i] = (int16_t)steps_of(in[i] / scale, zero_point, INT16_MIN, INT16_MAX);
}
