#include "lstm.h"

#include "mg_activation16.h"

static int32_t clamp16(int32_t v) { return mg_clamp(v, INT16_MIN, INT16_MAX); }

#ifdef MG_LSTM16
typedef int16_t mg_activation;
typedef int64_t mg_sum;
#define MG_LSTM mg_lstm16

/* TFLM's MultiplyByQuantizedMultiplier() of 64 bits, its factor cut to 15 bits. */
static int32_t scaled(int64_t acc, int32_t multiplier, int32_t shift) {
  return (int32_t)((acc * multiplier + ((int64_t)1 << (shift - 1))) >> shift);
}
#else
typedef int8_t mg_activation;
typedef int32_t mg_sum;
#define MG_LSTM mg_lstm

static int32_t scaled(int32_t acc, int32_t multiplier, int32_t shift) {
  return mg_multiply(acc, multiplier, (int)shift);
}
#endif

static mg_sum dot(const int8_t* a, const mg_activation* b, int32_t n) {
  mg_sum sum = 0;
  for (int32_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* What a gate's activation gets, for one unit. */
static int32_t gate(const mg_lstm_gate* g, const mg_activation* in, const mg_activation* hidden,
                    int32_t unit, const mg_lstm_params* p) {
  const mg_sum *const input_bias = g->input_bias, *const state_bias = g->state_bias;
  const mg_sum a = dot(g->input_weights + unit * p->depth, in, p->depth) + input_bias[unit];
  const mg_sum b = dot(g->state_weights + unit * p->units, hidden, p->units) + state_bias[unit];
  return clamp16(clamp16(scaled(a, g->input_multiplier, g->input_shift)) +
                 clamp16(scaled(b, g->state_multiplier, g->state_shift)));
}

static int32_t logistic(int32_t x, const mg_lstm_params* p) {
  return mg_logistic16(p->sigmoid, mg_scaled16(x, 3, 0));
}

void MG_LSTM(const mg_activation* in, mg_activation* hidden, int16_t* cell, mg_activation* out,
             void* scratch, const mg_lstm_params* p) {
  const int32_t limit = sizeof *in == 1 ? INT8_MAX : INT16_MAX;
  mg_activation* const next = scratch;
  for (int32_t batch = 0; batch < p->batches; batch++) {
    const mg_activation* x = in + batch * p->in_batch;
    mg_activation* y = out + batch * p->out_batch;
    for (int32_t step = 0; step < p->steps; step++, x += p->in_step, y += p->out_step) {
      for (int32_t i = 0; i < p->units; i++) {
        const int32_t forget = logistic(gate(&p->forget, x, hidden, i, p), p);
        const int32_t input = logistic(gate(&p->input, x, hidden, i, p), p);
        const int32_t fresh =
            mg_tanh16(p->sigmoid, mg_scaled16(gate(&p->cell, x, hidden, i, p), 3, 0));
        const int32_t show = logistic(gate(&p->output, x, hidden, i, p), p);
        int32_t c =
            clamp16(mg_multiply(forget * cell[i], p->forget_multiplier, (int)p->forget_shift));
        c = clamp16(
            c + clamp16(mg_multiply(input * fresh, p->update_multiplier, (int)p->update_shift)));
        if (p->clip) c = mg_clamp(c, -p->clip, p->clip);
        cell[i] = (int16_t)c;
        const int32_t t = mg_tanh16(p->sigmoid, mg_scaled16(c, p->tanh_multiplier, p->tanh_shift));
        const int32_t h = mg_multiply(t * show, p->hidden_multiplier, (int)p->hidden_shift);
        next[i] = (mg_activation)mg_clamp(h + p->hidden_zero_point, -limit - 1, limit);
      }
      memcpy(hidden, next, (size_t)p->units * sizeof *next);
      memcpy(y, next, (size_t)p->units * sizeof *next);
    }
    hidden += p->units;
    cell += p->units;
  }
}
