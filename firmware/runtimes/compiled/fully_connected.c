#include "fully_connected.h"

#include "mg_rows.h"

void MG_NAME(mg_fully_connected)(const int8_t* in, int8_t* out, void* scratch,
                                 const mg_fully_connected_params* p) {
  uint8_t* const row = scratch;
  for (int32_t batch = 0; batch < p->batches; batch++, in += p->depth, out += p->units) {
    const int32_t sum = mg_offset_copy(row, in, p->depth);
    mg_rows(row, 0, 0, sum, 0, out, 0, p->weights, p->channels, p->depth, p->units, &p->output);
  }
}
