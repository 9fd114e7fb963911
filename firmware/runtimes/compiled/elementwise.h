/* Operators that compute each element from one element of each input, int8. `loops`: see
 * mg_loops.h.
 *
 * None has scratch. All write element i after they read it: they work in place on an input of the
 * output's shape. */
#ifndef MG_ELEMENTWISE_H
#define MG_ELEMENTWISE_H

#include "mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out = table[in + 128]. */
void mg_lookup(const int8_t* in, int8_t* out, int32_t n, const int8_t* table);

/* ADD, SUB: out = clamp((a * in_a + b * in_b + c) >> shift), proven for all pairs. */
typedef struct {
  int32_t a, b, c;
  uint8_t shift;
  int8_t low, high;
} mg_sum_linear_params;
void mg_sum_linear(const int8_t* a, const int8_t* b, int8_t* out, const int32_t* loops,
                   const mg_sum_linear_params* p);

/* The same with a table for a: out = clamp((table[in_a + 128] + b * in_b) >> shift). */
typedef struct {
  const int32_t* table;
  int32_t b;
  uint8_t shift;
  int8_t low, high;
} mg_sum_table_params;
void mg_sum_table(const int8_t* a, const int8_t* b, int8_t* out, const int32_t* loops,
                  const mg_sum_table_params* p);

/* ADD, SUB, SQUARED_DIFFERENCE as TFLM computes them: d = left[in_a + 128] + right[in_b + 128], d
 * or d * d requantized. */
typedef struct {
  const int32_t *left, *right;
  int32_t multiplier, shift, zero_point;
  uint8_t square;
  int8_t low, high;
} mg_sum_exact_params;
void mg_sum_exact(const int8_t* a, const int8_t* b, int8_t* out, const int32_t* loops,
                  const mg_sum_exact_params* p);

/* MUL: the product of what the inputs are above their zero points, requantized; `channel` has no
 * bias. */
typedef struct {
  int16_t zero_point_a, zero_point_b;
  const void* channel;
  int16_t zero; /* twice the output's zero point, and 1 */
} mg_product_params;
void mg_product(const int8_t* a, const int8_t* b, int8_t* out, const int32_t* loops,
                const mg_product_params* p);
void mg_product_wide(const int8_t* a, const int8_t* b, int8_t* out, const int32_t* loops,
                     const mg_product_params* p);

/* MINIMUM, MAXIMUM. */
void mg_minimum(const int8_t* a, const int8_t* b, int8_t* out, const int32_t* loops);
void mg_maximum(const int8_t* a, const int8_t* b, int8_t* out, const int32_t* loops);

/* PRELU: positive[in + 128] from the zero point on, else the product with alpha, requantized as
 * TFLM does. */
typedef struct {
  const int8_t* positive;
  int16_t zero_point_a, zero_point_b;
  int32_t multiplier, shift, zero_point;
} mg_prelu_params;
void mg_prelu(const int8_t* a, const int8_t* alpha, int8_t* out, const int32_t* loops,
              const mg_prelu_params* p);

#ifdef __cplusplus
}
#endif
#endif
