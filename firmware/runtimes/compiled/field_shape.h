/* The shape of a convolution without groups, for kernels that skip zeros. */
#ifndef MG_FIELD_SHAPE_H
#define MG_FIELD_SHAPE_H

#include "mg_common.h"

typedef struct {
  uint16_t batches;
  uint16_t in_h, in_w, in_c;
  uint16_t out_h, out_w, out_c;
  uint16_t kernel_h, kernel_w;
  uint16_t stride_h, stride_w;
  uint16_t dilation_h, dilation_w;
  int16_t pad_h, pad_w;
  int16_t zero_point; /* of the input */
} mg_field_shape;

#endif
