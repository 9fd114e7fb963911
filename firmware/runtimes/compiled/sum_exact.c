#include "elementwise.h"
#include "mg_loops.h"

static void inner(const int8_t* a, int32_t step_a, const int8_t* b, int32_t step_b, int8_t* out,
                  int32_t n, const void* params) {
  const mg_sum_exact_params* const p = params;
  for (; n > 0; n--, a += step_a, b += step_b) {
    int32_t d = p->left[*a + 128] + p->right[*b + 128];
    if (p->square) d = (int32_t)((uint32_t)d * (uint32_t)d);
    *out++ = (int8_t)mg_clamp(mg_multiply(d, p->multiplier, (int)p->shift) + p->zero_point, p->low,
                              p->high);
  }
}

void mg_sum_exact(const int8_t* a, const int8_t* b, int8_t* out, const int32_t* loops,
                  const mg_sum_exact_params* p) {
  mg_walk(loops, a, b, out, 1, inner, p);
}
