#define MG_WIDE
#include "product.c"
