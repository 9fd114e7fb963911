#include "elementwise.h"
#include "mg_loops.h"

static void inner(const int8_t* a, int32_t step_a, const int8_t* b, int32_t step_b, int8_t* out,
                  int32_t n, const void* params) {
  const mg_product_params* const p = params;
  const int32_t za = p->zero_point_a, zb = p->zero_point_b;
  for (; n > 0; n--, a += step_a, b += step_b) {
    *out++ = (int8_t)mg_requantize((*a - za) * (*b - zb), p->channel, p->zero);
  }
}

void MG_NAME(mg_product)(const int8_t* a, const int8_t* b, int8_t* out, const int32_t* loops,
                         const mg_product_params* p) {
  mg_walk(loops, a, b, out, 1, inner, p);
}
