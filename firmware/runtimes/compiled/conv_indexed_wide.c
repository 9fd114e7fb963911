#define MG_WIDE
#include "conv_indexed.c"
