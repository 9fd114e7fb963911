#define MG_LONG
#include "conv16.c"
