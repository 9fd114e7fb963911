#define MG_WIDE
#include "fully_connected.c"
