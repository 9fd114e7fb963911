#include "mg_common.h"

void mg_clamp_bytes(int8_t* out, int32_t n, int32_t low, int32_t high) {
  for (; n > 0; n--, out++) *out = (int8_t)mg_clamp(*out, low, high);
}
