#include "batch_matmul.h"

#include "mg_loops.h"

static void inner(const int8_t* a, int32_t step_a, const int8_t* b, int32_t step_b, int8_t* out,
                  int32_t n, const void* params) {
  const mg_batch_matmul_params* const p = params;
  for (; n > 0; n--, a += step_a, b += step_b) {
    for (int32_t i = 0; i < p->rows; i++) {
      for (int32_t j = 0; j < p->columns; j++) {
        const int8_t *x = a + i * p->a_row, *y = b + j * p->b_column;
        int32_t acc = 0;
        for (int32_t k = 0; k < p->depth; k++, x += p->a_depth, y += p->b_depth) {
          acc += (*x - p->zero_point_a) * (*y - p->zero_point_b);
        }
        *out++ = (int8_t)mg_requantize(acc, p->channel, p->zero);
      }
    }
  }
}

void MG_NAME(mg_batch_matmul)(const int8_t* a, const int8_t* b, int8_t* out, const int32_t* loops,
                              const mg_batch_matmul_params* p) {
  /* All batches of the innermost loop are written by one call: an "element" is a whole matrix. */
  mg_walk(loops, a, b, out, p->rows * p->columns, inner, p);
}
