/* MEAN, SUM, REDUCE_MAX and REDUCE_MIN, int8. */
#ifndef MG_REDUCE_H
#define MG_REDUCE_H

#include "mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Loops (see mg_loops.h): `outer` over the outputs in their order, `inner` over what one output
 * takes in, both with the strides of the input as a and as b. No scratch; where one output takes in
 * everything, it works in place. */
typedef struct {
  const int32_t *outer, *inner;
  const void* channel; /* bias: minus the zero points of all that is taken in */
  int16_t zero;        /* twice the output's zero point, and 1 */
} mg_reduce_params;
void mg_reduce_sum(const int8_t* in, int8_t* out, const mg_reduce_params* p);
void mg_reduce_sum_wide(const int8_t* in, int8_t* out, const mg_reduce_params* p);
/* MEAN and SUM of int16; the exact form. */
void mg_reduce_sum16(const int16_t* in, int16_t* out, const mg_reduce_params* p);

void mg_reduce_max(const int8_t* in, int8_t* out, const int32_t* outer, const int32_t* inner);
void mg_reduce_min(const int8_t* in, int8_t* out, const int32_t* outer, const int32_t* inner);

#ifdef __cplusplus
}
#endif
#endif
