#include "mg_reduce.h"
#include "reduce.h"

void mg_reduce_max(const int8_t* in, int8_t* out, const int32_t* outer, const int32_t* inner) {
  int32_t index[MG_RANK] = {0};
  do {
    int32_t inside[MG_RANK] = {0};
    const int8_t* from = in;
    int8_t best = *from;
    do {
      if (*from > best) best = *from;
    } while (mg_next(inner, inside, &from));
    *out++ = best;
  } while (mg_next(outer, index, &in));
}
