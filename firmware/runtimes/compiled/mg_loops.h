/* Nests of loops over tensors that are broadcast, permuted or cut.
 *
 * A nest is an array of int32: {rank, dims[rank], strides of a[rank], strides of b[rank]},
 * outermost first, strides in bytes, 0 where an operand is broadcast; rank is at most MG_RANK. */
#ifndef MG_LOOPS_H
#define MG_LOOPS_H

#include "mg_common.h"

#define MG_RANK 8

/* The innermost loop: n elements of a and of b, `step` bytes apart, to n outputs side by side. */
typedef void mg_inner(const int8_t* a, int32_t step_a, const int8_t* b, int32_t step_b, int8_t* out,
                      int32_t n, const void* params);

/* Walks over outputs of `size` bytes in their order. */
MG_INLINE void mg_walk(const int32_t* loops, const void* a_, const void* b_, void* out_,
                       int32_t size, mg_inner* inner, const void* params) {
  const int32_t rank = loops[0], last = rank - 1;
  const int32_t *const dims = loops + 1, *const sa = dims + rank, *const sb = sa + rank;
  const int8_t *a = a_, *b = b_;
  int8_t* out = out_;
  int32_t index[MG_RANK] = {0};
  for (;;) {
    inner(a, sa[last], b, sb[last], out, dims[last], params);
    out += dims[last] * size;
    int32_t k = last - 1;
    for (; k >= 0; k--) {
      a += sa[k];
      b += sb[k];
      if (++index[k] < dims[k]) break;
      a -= sa[k] * dims[k];
      b -= sb[k] * dims[k];
      index[k] = 0;
    }
    if (k < 0) return;
  }
}

#endif
