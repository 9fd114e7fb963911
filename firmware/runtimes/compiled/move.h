/* Operators that move bytes: CONCATENATION, PAD, SLICE, SPLIT, TRANSPOSE and others. No scratch;
 * never in place. */
#ifndef MG_MOVE_H
#define MG_MOVE_H

#include "mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Copies elements of `size` bytes; loops (see mg_loops.h) with a = in, b = out; strides may be
 * negative. `in` and `out` are the first elements that are read and written. */
void mg_move(const void* in, void* out, const int32_t* loops, int32_t size);

/* Fills n elements of `size` bytes (1, 2, 4) with a value. */
void mg_fill(void* out, int32_t n, int32_t size, int32_t value);

#ifdef __cplusplus
}
#endif
#endif
