#define MG_NIBBLES
#include "dsp_conv.c"
