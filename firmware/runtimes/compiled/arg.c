#include "arg.h"

void mg_arg(const int8_t* in, int32_t* out, int32_t outer, int32_t size, int32_t inner,
            int32_t flip) {
  for (; outer > 0; outer--, in += size * inner) {
    for (int32_t i = 0; i < inner; i++) {
      int32_t best = in[i] ^ flip, index = 0;
      for (int32_t k = 1; k < size; k++) {
        const int32_t v = in[k * inner + i] ^ flip;
        if (v > best) {
          best = v;
          index = k;
        }
      }
      *out++ = index;
    }
  }
}
