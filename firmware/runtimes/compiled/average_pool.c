#include "mg_compact.h"
#include "mg_pool.h"
#include "pool.h"

static int32_t average(const int8_t* in, int32_t rows, int32_t columns, int32_t row,
                       int32_t pixel) {
  const int32_t count = rows * columns, half = count / 2;
  int32_t sum = 0;
  for (; rows > 0; rows--, in += row) {
    const int8_t* tap = in;
    for (int32_t i = 0; i < columns; i++, tap += pixel) sum += *tap;
  }
  return mg_divide(sum > 0 ? sum + half : sum - half, count);
}

void mg_average_pool(const int8_t* in, int8_t* out, const mg_pool_params* p) {
  mg_pool(in, out, p, average);
}
