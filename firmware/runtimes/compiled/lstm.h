/* UNIDIRECTIONAL_SEQUENCE_LSTM: int8, or int16 with weights of int8, with a cell state of int16,
 * tanh, all gates. */
#ifndef MG_LSTM_H
#define MG_LSTM_H

#include "mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A gate: weights [units][depth] and [units][units], biases with zero points folded in (int32,
 * for mg_lstm16 int64), and TFLM's factors of both products (for mg_lstm16 of 15 bits, with a shift
 * to the right). */
typedef struct {
  const int8_t *input_weights, *state_weights;
  const void *input_bias, *state_bias;
  int32_t input_multiplier, input_shift;
  int32_t state_multiplier, state_shift;
} mg_lstm_gate;

/* in: [batches, steps, depth], out: [batches, steps, units], or steps first; strides in elements.
 * hidden: int8 [batches, units]; cell: int16 [batches, units]. Scratch: 2 * units bytes.
 * The input of a step is read before its output is written. */
typedef struct {
  mg_lstm_gate input, forget, cell, output;
  const uint16_t* sigmoid;
  int32_t batches, steps, depth, units;
  int32_t in_batch, in_step, out_batch, out_step;
  int32_t forget_multiplier, forget_shift;
  int32_t update_multiplier, update_shift;
  int32_t hidden_multiplier, hidden_shift, hidden_zero_point;
  int32_t tanh_multiplier, tanh_shift;
  int32_t clip; /* 0: none */
} mg_lstm_params;

void mg_lstm(const int8_t* in, int8_t* hidden, int16_t* cell, int8_t* out, void* scratch,
             const mg_lstm_params* p);
void mg_lstm16(const int16_t* in, int16_t* hidden, int16_t* cell, int16_t* out, void* scratch,
               const mg_lstm_params* p);

#ifdef __cplusplus
}
#endif
#endif
