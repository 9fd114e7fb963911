/* CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED and TRANSPOSE_CONV with int16 activations and int8
 * weights. */
#ifndef MG_CONV16_H
#define MG_CONV16_H

#include "mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* in: [batches, in_h, in_w, groups * in_c]; out: [batches, out_h, out_w, groups * out_c].
 * weights: int8 [groups * out_c][kernel_h][kernel_w][in_c]. Taps outside the image count 0.
 * out = clamp((sum + bias) * multiplier + half >> shift), in 64 bits, as TFLM has it. Sums are made
 * in 32 bits, or in 64 by mg_conv16_long. No scratch; never in place. */
typedef struct {
  const int8_t* weights;
  const int64_t* bias;
  const int16_t* multiplier;
  const uint8_t* shift;
  uint16_t batches, groups;
  uint16_t in_h, in_w, in_c;
  uint16_t out_h, out_w, out_c;
  uint16_t kernel_h, kernel_w;
  uint16_t stride_h, stride_w;
  uint16_t dilation_h, dilation_w;
  int16_t pad_h, pad_w;
  int16_t low, high;
} mg_conv16_params;

/* The output of a channel's sum, its bias included. */
MG_INLINE int16_t mg_requantize16(int64_t acc, int32_t channel, const mg_conv16_params* p) {
  const int shift = p->shift[channel];
  const int64_t v = (acc * p->multiplier[channel] + ((int64_t)1 << (shift - 1))) >> shift;
  return (int16_t)mg_clamp((int32_t)v, p->low, p->high);
}

void mg_conv16(const int16_t* in, int16_t* out, const mg_conv16_params* p);
void mg_conv16_long(const int16_t* in, int16_t* out, const mg_conv16_params* p);
/* The transposed convolution, from in to out as in transpose_conv.h: no groups, no dilation. */
void mg_transpose_conv16(const int16_t* in, int16_t* out, const mg_conv16_params* p);

#ifdef __cplusplus
}
#endif
#endif
