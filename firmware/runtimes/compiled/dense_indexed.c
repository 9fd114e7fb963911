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
  const int32_t book = w->book << w->bits;
  for (int32_t batch = p->batches; batch > 0; batch--, in += p->depth) {
    const uint8_t* codes = w->codes;
    const int8_t* books = w->books;
    const mg_channel* channels = p->channels;
    for (int32_t left = p->units; left > 0; left -= 2, codes += w->fours * w->bits) {
      int32_t sums[2];
      const int8_t* const second = left > 1 ? books + book : books;
      sums_of(in, codes, w, books, second, sums);
      books = second + book;
      for (int32_t i = 0; i < 2 && i < left; i++, channels++) {
        MG_HOLD(mg_channel, channel, channels);
        *out++ = (int8_t)mg_requantize(sums[i] + mg_bias(channel), channel, p->zero);
      }
    }
  }
}
