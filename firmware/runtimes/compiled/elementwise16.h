/* Operators that compute each element from one element of each input, int16. `loops`: see
 * mg_loops.h. No scratch; in place on an input of the output's shape. */
#ifndef MG_ELEMENTWISE16_H
#define MG_ELEMENTWISE16_H

#include "mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* TFLM's factor. */
typedef struct {
  int32_t multiplier, shift;
} mg_factor;

/* ADD and SUB (sign -1). */
typedef struct {
  mg_factor a, b, out;
  int32_t zero_point_a, zero_point_b, zero_point;
  int16_t low, high;
  int8_t sign;
} mg_sum16_params;
void mg_sum16(const int16_t* a, const int16_t* b, int16_t* out, const int32_t* loops,
              const mg_sum16_params* p);

/* MUL, without zero points. */
typedef struct {
  mg_factor out;
  int16_t low, high;
} mg_product16_params;
void mg_product16(const int16_t* a, const int16_t* b, int16_t* out, const int32_t* loops,
                  const mg_product16_params* p);

void mg_minimum16(const int16_t* a, const int16_t* b, int16_t* out, const int32_t* loops);
void mg_maximum16(const int16_t* a, const int16_t* b, int16_t* out, const int32_t* loops);

/* LEAKY_RELU: factors from the zero point on and below it; `sign` is that of the slope. */
typedef struct {
  mg_factor above, below;
  int32_t zero_point_in, zero_point_out;
  int8_t sign;
} mg_leaky_relu16_params;
void mg_leaky_relu16(const int16_t* in, int16_t* out, int32_t n, const mg_leaky_relu16_params* p);

/* LOGISTIC and TANH: the input times multiplier, shifted right, meets the table (see
 * mg_activation16.h). */
void mg_logistic_all16(const int16_t* in, int16_t* out, int32_t n, const uint16_t* table,
                       int32_t multiplier, int32_t shift);
void mg_tanh_all16(const int16_t* in, int16_t* out, int32_t n, const uint16_t* table,
                   int32_t multiplier, int32_t shift);

/* SOFTMAX over rows, by tables of 513 entries of exp and of 1 / (1 + x). */
typedef struct {
  const int16_t *exponential, *reciprocal;
  int32_t rows, depth;
  mg_factor in;
} mg_softmax16_params;
void mg_softmax16(const int16_t* in, int16_t* out, const mg_softmax16_params* p);

#ifdef __cplusplus
}
#endif
#endif
