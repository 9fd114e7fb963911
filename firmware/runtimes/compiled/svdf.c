#include "svdf.h"

#ifdef MG_SVDF8
typedef int8_t mg_state;
#define MG_SVDF mg_svdf8
#else
typedef int16_t mg_state;
#define MG_SVDF mg_svdf
#endif

void MG_SVDF(const int8_t* in, mg_state* state, int8_t* out, const mg_svdf_params* p) {
  const int32_t limit = sizeof *state == 1 ? INT8_MAX : INT16_MAX;
  for (int32_t batch = 0; batch < p->batches; batch++, in += p->depth) {
    const int8_t* w = p->features;
    const mg_state* t = p->time;
    const int32_t* bias = p->feature_bias;
    for (int32_t unit = 0; unit < p->units; unit++) {
      int32_t sum = p->bias[unit];
      for (int32_t r = 0; r < p->rank; r++, state += p->memory, t += p->memory, w += p->depth) {
        int32_t acc = *bias++;
        for (int32_t i = 0; i < p->depth; i++) acc += w[i] * in[i];
        acc = mg_multiply(acc, p->multiplier_state, (int)p->shift_state);
        memmove(state, state + 1, (size_t)(p->memory - 1) * sizeof *state);
        state[p->memory - 1] = (mg_state)mg_clamp(acc, -limit - 1, limit);
        for (int32_t i = 0; i < p->memory; i++) {
          sum = (int32_t)((uint32_t)sum + (uint32_t)(t[i] * state[i]));
        }
      }
      const int32_t y = mg_multiply(sum, p->multiplier_out, (int)p->shift_out);
      *out++ = (int8_t)mg_clamp(y + p->zero_point_out, INT8_MIN, INT8_MAX);
    }
  }
}
