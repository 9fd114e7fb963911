/* CONV_2D and FULLY_CONNECTED, int8, with weights as indices of `bits` bits into books of up to 64
 * values.
 *
 * Channels come in pairs a, b (the last is filled up); a pair's elements, [kernel_h, kernel_w,
 * in_c], in fours (the last filled up with weights of 0). Each four of a pair takes `bits` bytes:
 * indices of a0, b0, a1, b1, a2, b2, a3, b3, from the lowest bits on. Behind the last lie three
 * bytes that are read, too. A book has 1 << bits values. */
#ifndef MG_INDEXED_H
#define MG_INDEXED_H

#include "conv.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Book number `book[c]` is that of channel c: channels share books. */
typedef struct {
  const uint8_t* codes;
  const int8_t* books;
  const uint8_t* book;
  uint16_t fours, bits;
} mg_indexed;

MG_INLINE const int8_t* mg_book(const mg_indexed* w, int32_t channel) {
  return w->books + ((int32_t)w->book[channel] << w->bits);
}

/* The eight indices of a four. */
MG_INLINE uint32_t mg_first_half(const uint8_t* codes) {
  uint32_t v;
  memcpy(&v, codes, 4);
  return v;
}
MG_INLINE uint32_t mg_second_half(const uint8_t* codes, int32_t bits) {
  return mg_first_half(codes + bits / 2) >> (bits & 1) * 4;
}

/* A convolution whose weights are decoded `chunk` channels (a multiple of 4) at a time, to the end
 * of the scratch, and run over the whole image. `conv`: its weights are not read. Never in place.
 * Scratch: that of the convolution, to the next multiple of 4; behind it chunk bytes for each
 * element of a field. */
typedef struct {
  mg_conv_params conv;
  mg_indexed weights;
  uint16_t chunk, scratch;
} mg_conv_indexed_params;

void mg_conv_indexed(const int8_t* in, int8_t* out, void* scratch, const mg_conv_indexed_params* p);
void mg_conv_indexed_wide(const int8_t* in, int8_t* out, void* scratch,
                          const mg_conv_indexed_params* p);

/* in: [batches, depth], readable up to the next multiple of 4; out: [batches, units]. No scratch;
 * never in place. */
typedef struct {
  mg_indexed weights;
  const void* channels;
  int32_t batches, depth, units;
  int16_t zero; /* twice the output's zero point, and 1 */
} mg_dense_indexed_params;

void mg_dense_indexed(const int8_t* in, int8_t* out, const mg_dense_indexed_params* p);
void mg_dense_indexed_wide(const int8_t* in, int8_t* out, const mg_dense_indexed_params* p);

#ifdef __cplusplus
}
#endif
#endif
