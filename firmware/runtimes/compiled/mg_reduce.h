/* The walk that the reductions share. */
#ifndef MG_REDUCE_WALK_H
#define MG_REDUCE_WALK_H

#include "mg_loops.h"

/* Moves on to the next element of a nest; returns 0 after the last. `index` starts as zeros. */
MG_INLINE int mg_next(const int32_t* loops, int32_t* index, const int8_t** a) {
  const int32_t rank = loops[0];
  const int32_t *const dims = loops + 1, *const sa = dims + rank;
  for (int32_t k = rank - 1; k >= 0; k--) {
    *a += sa[k];
    if (++index[k] < dims[k]) return 1;
    *a -= sa[k] * dims[k];
    index[k] = 0;
  }
  return 0;
}

#endif
