#define MG_WIDE
#include "dense_indexed.c"
