#define MG_WIDE
#include "reduce_sum.c"
