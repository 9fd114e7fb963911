/* QUANTIZE and DEQUANTIZE. No scratch; in place where both types have one size. */
#ifndef MG_QUANTIZE_H
#define MG_QUANTIZE_H

#include "mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out = round(in / scale) + zero_point, halves away from zero, saturated; NaN becomes the zero
 * point. */
void mg_quantize_int8(const float* in, int8_t* out, int32_t n, float scale, int32_t zero_point);
void mg_quantize_int16(const float* in, int16_t* out, int32_t n, float scale, int32_t zero_point);

/* out = scale * (in - zero_point). */
void mg_dequantize_int8(const int8_t* in, float* out, int32_t n, float scale, int32_t zero_point);
void mg_dequantize_uint8(const uint8_t* in, float* out, int32_t n, float scale, int32_t zero_point);
void mg_dequantize_int16(const int16_t* in, float* out, int32_t n, float scale, int32_t zero_point);

/* Between integer types: what TFLM makes of in - zero_point_in, plus zero_point_out, clamped. */
typedef struct {
  int32_t multiplier, shift;
  int32_t zero_point_in, zero_point_out;
  int32_t low, high;
  uint8_t in_kind, out_kind; /* 0 uint8, 1 int8, 2 int16, 4 int32 */
} mg_rescale_params;
void mg_rescale(const void* in, void* out, int32_t n, const mg_rescale_params* p);

#ifdef __cplusplus
}
#endif
#endif
