#include "elementwise.h"
#include "mg_loops.h"

static void inner(const int8_t* a, int32_t step_a, const int8_t* b, int32_t step_b, int8_t* out,
                  int32_t n, const void* params) {
  (void)params;
  for (; n > 0; n--, a += step_a, b += step_b) *out++ = *a < *b ? *a : *b;
}

void mg_minimum(const int8_t* a, const int8_t* b, int8_t* out, const int32_t* loops) {
  mg_walk(loops, a, b, out, 1, inner, 0);
}
