#define MG_WIDE
#include "dense_runs.c"
