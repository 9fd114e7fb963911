#include "mg_compact.h"
#include "mg_pool.h"
#include "pool.h"

static int32_t largest(const int8_t* in, int32_t rows, int32_t columns, int32_t row,
                       int32_t pixel) {
  int32_t max = INT8_MIN;
  for (; rows > 0; rows--, in += row) {
    const int8_t* tap = in;
    for (int32_t i = 0; i < columns; i++, tap += pixel) {
      if (*tap > max) max = *tap;
    }
  }
  return max;
}

void mg_max_pool(const int8_t* in, int8_t* out, const mg_pool_params* p) {
  mg_pool(in, out, p, largest);
}
