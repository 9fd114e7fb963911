#define MG_WIDE
#include "depthwise_any.c"
