#define MG_WIDE
#include "dsp_dense_pairs.c"
