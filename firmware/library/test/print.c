#include "print.h"

#include <stdio.h>

void test_print(const char* text) { (void)fputs(text, stdout); }
