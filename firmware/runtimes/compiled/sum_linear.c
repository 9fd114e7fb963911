#include "elementwise.h"
#include "mg_loops.h"

static void inner(const int8_t* a, int32_t step_a, const int8_t* b, int32_t step_b, int8_t* out,
                  int32_t n, const void* params) {
  const mg_sum_linear_params* const p = params;
  const int32_t fa = p->a, fb = p->b, c = p->c, shift = p->shift, low = p->low, high = p->high;
  for (; n > 0; n--, a += step_a, b += step_b)
    *out++ = (int8_t)mg_clamp((*a * fa + *b * fb + c) >> shift, low, high);
}

void mg_sum_linear(const int8_t* a, const int8_t* b, int8_t* out, const int32_t* loops,
                   const mg_sum_linear_params* p) {
  mg_walk(loops, a, b, out, 1, inner, p);
}
