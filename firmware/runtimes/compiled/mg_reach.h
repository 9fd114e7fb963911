/* Which inputs of a transposed convolution reach an output. */
#ifndef MG_REACH_H
#define MG_REACH_H

#include "mg_common.h"

/* The taps of a dimension that reach output position `at`: the first tap, the input that it meets,
 * and how many there are; from one to the next the tap moves by the stride, the input by -1. */
typedef struct {
  int32_t tap, input, count;
} mg_reach;

MG_INLINE mg_reach mg_reach_of(int32_t at, int32_t stride, int32_t kernel, int32_t size) {
  mg_reach r;
  r.tap = at % stride;
  r.input = at / stride;
  if (r.input >= size) { /* the first taps would meet what lies behind the input */
    r.tap += (r.input - size + 1) * stride;
    r.input = size - 1;
  }
  r.count = r.tap < kernel ? (kernel - 1 - r.tap) / stride + 1 : 0;
  if (r.count > r.input + 1) r.count = r.input + 1;
  return r;
}

#endif
