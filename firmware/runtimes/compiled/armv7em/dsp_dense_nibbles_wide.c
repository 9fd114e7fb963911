#define MG_WIDE
#include "dsp_dense_nibbles.c"
