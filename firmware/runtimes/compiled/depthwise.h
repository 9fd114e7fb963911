/* DEPTHWISE_CONV_2D, int8. */
#ifndef MG_DEPTHWISE_H
#define MG_DEPTHWISE_H

#include "mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* in: [batches, in_h, in_w, in_c]; out: [batches, out_h, out_w, in_c * multiplier].
 * weights: int8 [output channel][kernel_h][kernel_w]; channels: one per output channel; plane: one
 * of the functions below.
 * Scratch: one channel's plane with its border, rows * columns bytes. A channel is read whole
 * before it is written, so with one batch, or with planes of equal size, and a multiplier of 1, it
 * works in place. */
typedef struct mg_depthwise_params mg_depthwise_params;
typedef void mg_depthwise_plane(const int8_t* plane, int8_t* out, const int8_t* w,
                                const void* channel, const mg_depthwise_params* p);
struct mg_depthwise_params {
  mg_depthwise_plane* plane;
  const int8_t* weights;
  const void* channels;
  uint16_t batches;
  uint16_t in_h, in_w, in_c;
  uint16_t out_h, out_w;
  uint16_t multiplier;
  uint16_t kernel_h, kernel_w;
  uint16_t stride_h, stride_w;
  uint16_t dilation_h, dilation_w;
  uint16_t pad_h, pad_w;
  uint16_t rows, columns; /* of the plane: all that taps reach */
  int16_t zero_point;     /* of the input */
  uint16_t channel;       /* bytes of a mg_channel */
  int16_t zero;           /* twice the output's zero point, and 1 */
};

void mg_depthwise(const int8_t* in, int8_t* out, void* scratch, const mg_depthwise_params* p);
/* Planes of any kernel, and of 3x3 without dilation that moves down by one row. */
mg_depthwise_plane mg_plane, mg_plane_wide, mg_plane_3x3, mg_plane_3x3_wide;

#ifdef __cplusplus
}
#endif
#endif
