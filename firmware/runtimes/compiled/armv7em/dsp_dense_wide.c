#define MG_WIDE
#include "dsp_dense.c"
