#define MG_WIDE
#include "depthwise.c"
