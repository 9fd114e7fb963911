#include "print.h"

#include <stdio.h>

void test_print(const char* text) { fputs(text, stdout); }
