/* TRANSPOSE_CONV, int8. */
#ifndef MG_TRANSPOSE_CONV_H
#define MG_TRANSPOSE_CONV_H

#include "mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* in: [batches, in_h, in_w, in_c]; out: [batches, out_h, out_w, out_c].
 * weights: int8 [out_c][kernel_h][kernel_w][in_c]; channels: one per output channel. No scratch. */
typedef struct {
  const int8_t* weights;
  const void* channels;
  uint16_t batches;
  uint16_t in_h, in_w, in_c;
  uint16_t out_h, out_w, out_c;
  uint16_t kernel_h, kernel_w;
  uint16_t stride_h, stride_w;
  int16_t pad_h, pad_w;
  int16_t zero_point; /* of the input */
  int16_t zero;       /* twice the output's zero point, and 1 */
} mg_transpose_conv_params;

void mg_transpose_conv(const int8_t* in, int8_t* out, const mg_transpose_conv_params* p);
void mg_transpose_conv_wide(const int8_t* in, int8_t* out, const mg_transpose_conv_params* p);

#ifdef __cplusplus
}
#endif
#endif
