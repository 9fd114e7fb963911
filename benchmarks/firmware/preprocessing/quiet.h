/* The C library reports on stderr, which would link stdio. */
#include <stdio.h>
#undef fprintf
#define fprintf(...) ((void)0)
