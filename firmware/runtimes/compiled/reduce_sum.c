#include "mg_reduce.h"
#include "reduce.h"

void MG_NAME(mg_reduce_sum)(const int8_t* in, int8_t* out, const mg_reduce_params* p) {
  const mg_channel* const channel = p->channel;
  int32_t index[MG_RANK] = {0};
  do {
    int32_t inside[MG_RANK] = {0}, sum = mg_bias(channel);
    const int8_t* from = in;
    do {
      sum += *from;
    } while (mg_next(p->inner, inside, &from));
    *out++ = (int8_t)mg_requantize(sum, channel, p->zero);
  } while (mg_next(p->outer, index, &in));
}
