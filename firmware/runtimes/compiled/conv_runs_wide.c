#define MG_WIDE
#include "conv_runs.c"
