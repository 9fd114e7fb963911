/* RESIZE_BILINEAR (int8) and RESIZE_NEAREST_NEIGHBOR. No scratch; never in place. */
#ifndef MG_RESIZE_H
#define MG_RESIZE_H

#include "mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* in: [batches, in_h, in_w, channels]; out: [batches, out_h, out_w, channels]. Tables give per
 * output row and column which input rows and columns it lies between, and how far behind the
 * first, in 1024ths. */
typedef struct {
  int16_t first, second;
  int16_t fraction;
} mg_between;

typedef struct {
  const mg_between *rows, *columns;
  int32_t batches;
  uint16_t in_h, in_w, channels;
  uint16_t out_h, out_w;
} mg_resize_bilinear_params;
void mg_resize_bilinear(const int8_t* in, int8_t* out, const mg_resize_bilinear_params* p);

/* Tables of the input row and column of each output row and column; pixels have `bytes` bytes. */
typedef struct {
  const uint16_t *rows, *columns;
  int32_t batches, bytes;
  uint16_t in_h, in_w;
  uint16_t out_h, out_w;
} mg_resize_nearest_params;
void mg_resize_nearest(const void* in, void* out, const mg_resize_nearest_params* p);

#ifdef __cplusplus
}
#endif
#endif
