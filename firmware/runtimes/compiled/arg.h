/* ARG_MAX and ARG_MIN of int8, to int32: the first of equals. No scratch. */
#ifndef MG_ARG_H
#define MG_ARG_H

#include "mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* in: [outer, size, inner]; out: [outer, inner]. `flip` is 0 for the largest, -1 for the
 * smallest: it turns the order of numbers around. */
void mg_arg(const int8_t* in, int32_t* out, int32_t outer, int32_t size, int32_t inner,
            int32_t flip);

#ifdef __cplusplus
}
#endif
#endif
