/* BATCH_MATMUL, int8. */
#ifndef MG_BATCH_MATMUL_H
#define MG_BATCH_MATMUL_H

#include "mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out[rows, columns] = a[rows, depth] times b[depth, columns], for each batch of `loops` (see
 * mg_loops.h; strides of the matrices in bytes). Strides inside the matrices say how each is
 * stored. No scratch. */
typedef struct {
  int32_t rows, depth, columns;
  int32_t a_row, a_depth; /* strides of a */
  int32_t b_depth, b_column;
  int16_t zero_point_a, zero_point_b;
  const void* channel; /* no bias */
  int16_t zero;        /* twice the output's zero point, and 1 */
} mg_batch_matmul_params;

void mg_batch_matmul(const int8_t* a, const int8_t* b, int8_t* out, const int32_t* loops,
                     const mg_batch_matmul_params* p);
void mg_batch_matmul_wide(const int8_t* a, const int8_t* b, int8_t* out, const int32_t* loops,
                          const mg_batch_matmul_params* p);

#ifdef __cplusplus
}
#endif
#endif
