#define MG_WIDE
#include "batch_matmul.c"
