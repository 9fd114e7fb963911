/* Code that walks over pixels is compiled for size: the time is in the kernels. Included before all
 * else. */
#ifndef MG_DSP_COMPACT_H
#define MG_DSP_COMPACT_H

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("Os")
#endif

#include "dsp.h"

#endif
