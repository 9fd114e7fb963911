/* SVDF, int8 with a state of int16 or int8. */
#ifndef MG_SVDF_H
#define MG_SVDF_H

#include "mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Each unit has `rank` filters. A filter multiplies the input with its row of `features`, stores
 * the result at the end of its row of the state, and multiplies that row with its row of `time`.
 *
 * in: [batches, depth]; out: [batches, units]; state: [batches, units * rank, memory].
 * features: int8 [units * rank, depth]; time: [units * rank, memory], of the type of the state.
 * feature_bias: [units * rank] and bias: [units] contain the zero points. The outputs are
 * requantized with TFLM's own formula. No scratch. */
typedef struct {
  const int8_t* features;
  const void* time;
  const int32_t *feature_bias, *bias;
  int32_t batches, depth, units, rank, memory;
  int32_t multiplier_state, shift_state;
  int32_t multiplier_out, shift_out, zero_point_out;
} mg_svdf_params;

void mg_svdf(const int8_t* in, int16_t* state, int8_t* out, const mg_svdf_params* p);
void mg_svdf8(const int8_t* in, int8_t* state, int8_t* out, const mg_svdf_params* p);

#ifdef __cplusplus
}
#endif
#endif
