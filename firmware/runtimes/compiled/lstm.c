#include "lstm.h"

#include "mg_activation16.h"

static int32_t clamp16(int32_t v) { return mg_clamp(v, INT16_MIN, INT16_MAX); }

static int32_t dot(const int8_t* a, const int8_t* b, int32_t n) {
  int32_t sum = 0;
  for (int32_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* What a gate's activation gets, for one unit. */
static int32_t gate(const mg_lstm_gate* g, const int8_t* in, const int8_t* hidden, int32_t unit,
                    const mg_lstm_params* p) {
  const int32_t a = dot(g->input_weights + unit * p->depth, in, p->depth) + g->input_bias[unit];
  const int32_t b = dot(g->state_weights + unit * p->units, hidden, p->units) + g->state_bias[unit];
  return clamp16(clamp16(mg_multiply(a, g->input_multiplier, (int)g->input_shift)) +
                 clamp16(mg_multiply(b, g->state_multiplier, (int)g->state_shift)));
}

static int32_t logistic(int32_t x, const mg_lstm_params* p) {
  return mg_logistic16(p->sigmoid, mg_scaled16(x, 3, 0));
}

void mg_lstm(const int8_t* in, int8_t* hidden, int16_t* cell, int8_t* out, void* scratch,
             const mg_lstm_params* p) {
  int8_t* const next = scratch;
  for (int32_t batch = 0; batch < p->batches; batch++) {
    const int8_t* x = in + batch * p->in_batch;
    int8_t* y = out + batch * p->out_batch;
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
        next[i] = (int8_t)mg_clamp(h + p->hidden_zero_point, INT8_MIN, INT8_MAX);
      }
      memcpy(hidden, next, (size_t)p->units);
      memcpy(y, next, (size_t)p->units);
    }
    hidden += p->units;
    cell += p->units;
  }
}
