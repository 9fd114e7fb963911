#define MG_SVDF8
#include "svdf.c"
