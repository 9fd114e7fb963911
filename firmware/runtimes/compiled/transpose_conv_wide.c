#define MG_WIDE
#include "transpose_conv.c"
