#define MG_WIDE
#include "depthwise_3x3.c"
