/* SOFTMAX, int8 to int8. */
#ifndef MG_SOFTMAX_H
#define MG_SOFTMAX_H

#include "mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* in, out: [rows, depth]. exponentials[d]: TFLM's exp of a difference of -d to the largest of a
 * row, in Q0.31; larger differences give 0. No scratch; works in place. */
void mg_softmax(const int8_t* in, int8_t* out, int32_t rows, int32_t depth,
                const int32_t* exponentials, int32_t entries);

#ifdef __cplusplus
}
#endif
#endif
