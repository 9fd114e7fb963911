#define MG_WIDE
#include "conv_blocks.c"
