#include "elementwise.h"

void mg_lookup(const int8_t* in, int8_t* out, int32_t n, const int8_t* table) {
  const int8_t* const middle = table + 128;
  for (int32_t i = 0; i < n; i++) out[i] = middle[in[i]];
}
