#include "move.h"

#include "mg_loops.h"

void mg_move(const void* in, void* out, const int32_t* loops, int32_t size) {
  const int32_t rank = loops[0], last = rank - 1;
  const int32_t *const dims = loops + 1, *const sa = dims + rank, *const sb = sa + rank;
  const int8_t* a = in;
  int8_t* b = out;
  int32_t index[MG_RANK] = {0};
  for (;;) {
    const int8_t* from = a;
    int8_t* to = b;
    for (int32_t i = dims[last]; i > 0; i--, from += sa[last], to += sb[last]) {
      if (size == 1) {
        *to = *from;
      } else {
        memcpy(to, from, (size_t)size);
      }
    }
    int32_t k = last - 1;
    for (; k >= 0; k--) {
      a += sa[k];
      b += sb[k];
      if (++index[k] < dims[k]) break;
      a -= sa[k] * dims[k];
      b -= sb[k] * dims[k];
      index[k] = 0;
    }
    if (k < 0) return;
  }
}

void mg_fill(void* out, int32_t n, int32_t size, int32_t value) {
  if (size == 1) {
    memset(out, value, (size_t)n);
    return;
  }
  uint8_t* to = out;
  for (; n > 0; n--, to += size)
    memcpy(to, &value, (size_t)size); /* little-endian, as every supported CPU is */
}
