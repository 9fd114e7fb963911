/* CONV_2D, int8. */
#ifndef MG_CONV_H
#define MG_CONV_H

#include "mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* in: [batches, in_h, in_w, groups * in_c]; out: [batches, out_h, out_w, groups * out_c].
 * weights: per group of the convolution, as mg_lanes.h wants them, with elements in the order
 * [kernel_h, kernel_w, in_c]; channels: out_c per group, filled up to fours. Scratch: 88 bytes,
 * and 8 per element of a field, kernel_h * kernel_w * in_c. Fields of three pixels are read before
 * their outputs are written. */
typedef struct {
  const uint8_t* weights;
  const void* channels;
  uint16_t batches, groups;
  uint16_t in_h, in_w, in_c;
  uint16_t out_h, out_w, out_c;
  uint16_t kernel_h, kernel_w;
  uint16_t stride_h, stride_w;
  uint16_t dilation_h, dilation_w;
  int16_t pad_h, pad_w;
  int16_t zero_point; /* of the input */
  int16_t zero;       /* twice the output's zero point, and 1 */
  uint16_t pixel;     /* bytes from an output pixel to the next */
} mg_conv_params;

void mg_conv(const int8_t* in, int8_t* out, void* scratch, const mg_conv_params* p);
void mg_conv_wide(const int8_t* in, int8_t* out, void* scratch, const mg_conv_params* p);

#ifdef __cplusplus
}
#endif
#endif
