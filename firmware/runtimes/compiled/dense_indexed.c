#include "indexed.h"

/* Sums of a pair of channels. */
MG_INLINE void add(const int8_t* x, const uint8_t* codes, int32_t fours, int32_t bits,
                   const int8_t* book_a, const int8_t* book_b, int32_t sums[2]) {
  const uint32_t mask = (1u << bits) - 1;
  int32_t a = 0, b = 0;
  for (; fours > 0; fours--, x += 4, codes += bits) {
    uint32_t v = mg_first_half(codes);
    a += x[0] * book_a[v & mask];
    b += x[0] * book_b[v >> bits & mask];
    a += x[1] * book_a[v >> 2 * bits & mask];
    b += x[1] * book_b[v >> 3 * bits & mask];
    v = mg_second_half(codes, bits);
    a += x[2] * book_a[v & mask];
    b += x[2] * book_b[v >> bits & mask];
    a += x[3] * book_a[v >> 2 * bits & mask];
    b += x[3] * book_b[v >> 3 * bits & mask];
  }
  sums[0] = a, sums[1] = b;
}

static MG_NOINLINE void sums_of(const int8_t* x, const uint8_t* codes, const mg_indexed* w,
                                const int8_t* a, const int8_t* b, int32_t sums[2]) {
  /* The usual sixteen values have code of their own. */
  if (w->bits == 4)
    add(x, codes, w->fours, 4, a, b, sums);
  else
    add(x, codes, w->fours, w->bits, a, b, sums);
}

void MG_NAME(mg_dense_indexed)(const int8_t* in, int8_t* out, const mg_dense_indexed_params* p) {
  const mg_indexed* const w = &p->weights;
  const int32_t units = p->units;
  for (int32_t batch = p->batches; batch > 0; batch--, in += p->depth, out += units) {
    const uint8_t* codes = w->codes;
    for (int32_t c = 0; c < units; c += 2, codes += w->fours * w->bits) {
      const int32_t last =
          c + 1 < units ? c + 1 : c; /* a pair that has no second repeats the first */
      int32_t sums[2];
      sums_of(in, codes, w, mg_book(w, c), mg_book(w, last), sums);
      for (int32_t i = c; i <= last; i++) {
        MG_HOLD(mg_channel, channel, (const mg_channel*)p->channels + i);
        out[i] = (int8_t)mg_requantize(sums[i - c] + mg_bias(channel), channel, p->zero);
      }
    }
  }
}
