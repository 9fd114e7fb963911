#define MG_WIDE
#include "dense_blocks.c"
