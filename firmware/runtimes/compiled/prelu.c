#include "elementwise.h"
#include "mg_loops.h"

static void inner(const int8_t* a, int32_t step_a, const int8_t* b, int32_t step_b, int8_t* out,
                  int32_t n, const void* params) {
  const mg_prelu_params* const p = params;
  for (; n > 0; n--, a += step_a, b += step_b) {
    const int32_t v = *a - p->zero_point_a;
    if (v >= 0) {
      *out++ = p->positive[*a + 128];
    } else {
      const int32_t y =
          mg_multiply(v * (*b - p->zero_point_b), p->multiplier, (int)p->shift) + p->zero_point;
      *out++ = (int8_t)mg_clamp(y, INT8_MIN, INT8_MAX);
    }
  }
}

void mg_prelu(const int8_t* a, const int8_t* alpha, int8_t* out, const int32_t* loops,
              const mg_prelu_params* p) {
  mg_walk(loops, a, alpha, out, 1, inner, p);
}
