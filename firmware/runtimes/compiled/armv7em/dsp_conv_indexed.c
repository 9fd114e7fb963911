#include "dsp_indexed.h"

/* The stream of conv.inc for a pair of channels. */
MG_INLINE int32_t* pair(int32_t* to, const uint8_t* codes, int32_t fours, int32_t bits,
                        const int8_t* a, const int8_t* b) {
  const uint32_t mask = (1u << bits) - 1;
  for (; fours > 0; fours--, codes += bits) {
    uint32_t v = mg_first_half(codes);
    const int32_t e0 = a[v & mask] + b[v >> bits & mask] * 256;
    const int32_t e1 = a[v >> 2 * bits & mask] + b[v >> 3 * bits & mask] * 256;
    v = mg_second_half(codes, bits);
    const int32_t e2 = a[v & mask] + b[v >> bits & mask] * 256;
    const int32_t e3 = a[v >> 2 * bits & mask] + b[v >> 3 * bits & mask] * 256;
    to[0] = (e0 & 0xffff) | (int32_t)((uint32_t)e2 << 16);
    to[1] = (e1 & 0xffff) | (int32_t)((uint32_t)e3 << 16);
    to += 2;
  }
  return to;
}

static MG_NOINLINE int32_t* decode(int32_t* to, const uint8_t* codes, const mg_indexed* w,
                                   const int8_t* a, const int8_t* b) {
  return w->bits == 4 ? pair(to, codes, w->fours, 4, a, b)
                      : pair(to, codes, w->fours, w->bits, a, b);
}

void mg_dsp_conv_indexed(const int8_t* in, int8_t* out, void* scratch,
                         const mg_dsp_conv_indexed_params* p) {
  const mg_indexed* const w = &p->weights;
  int32_t* const buffer = (int32_t*)scratch + p->scratch / 4;
  const int32_t channels = p->conv.out_c;
  const uint8_t* codes = w->codes;
  const int32_t* constants = p->constants;
  mg_dsp_conv_params part = p->conv;
  part.weights = buffer;
  part.pixel = p->conv.out_c;
  for (int32_t c = 0; c < channels; c += p->chunk) {
    const int32_t count = channels - c < p->chunk ? channels - c : p->chunk;
    int32_t* to = buffer;
    if (p->head) *to++ = p->head;
    for (int32_t i = c; i < c + count; i += 2, codes += w->fours * w->bits) {
      to = decode(to, codes, w, mg_book(w, i), mg_book(w, i + 1));
      memcpy(to, constants, 16);
      to += 4;
      constants += 4;
    }
    part.end = to;
    part.out_c = (int16_t)count;
    mg_dsp_conv(in, out + c, scratch, &part);
  }
}
