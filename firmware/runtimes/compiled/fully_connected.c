#include "fully_connected.h"

#include "mg_rows.h"

static int32_t sum_of(const int8_t* in, int32_t n) {
  int32_t sum = 0;
  for (int32_t i = 0; i < n; i++) sum += in[i];
  return sum;
}

void MG_NAME(mg_fully_connected)(const int8_t* in, int8_t* out,
                                 const mg_fully_connected_params* p) {
  const int32_t n = p->depth;
  for (int32_t batch = 0; batch < p->batches; batch++, in += n, out += p->units) {
    mg_row(in, 128 * sum_of(in, n), out, p->weights, p->channels, n, p->units, p->zero);
  }
}
