#define MG_WIDE
#include "conv.c"
