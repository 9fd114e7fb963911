#define MG_WIDE
#include "mg_reduce.h"
#include "reduce.h"

void mg_reduce_sum16(const int16_t* in, int16_t* out, const mg_reduce_params* p) {
  const mg_channel* const channel = p->channel;
  int32_t index[MG_RANK] = {0};
  const int8_t* at = (const int8_t*)in;
  do {
    int32_t inside[MG_RANK] = {0}, sum = channel->bias;
    const int8_t* from = at;
    do {
      int16_t v;
      memcpy(&v, from, sizeof v);
      sum = (int32_t)((uint32_t)sum + (uint32_t)(int32_t)v);
    } while (mg_next(p->inner, inside, &from));
    const int32_t y = mg_multiply(sum, channel->multiplier, (int)channel->shift);
    *out++ = (int16_t)mg_clamp(y + channel->zero_point, INT16_MIN, INT16_MAX);
  } while (mg_next(p->outer, index, &at));
}
