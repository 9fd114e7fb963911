#include "indexed.h"

/* Decodes a pair of channels to every fourth byte from `to` on, with the offset of mg_lanes.h. */
static const uint8_t* decode(uint8_t* to, const uint8_t* codes, int32_t n, const mg_indexed* w,
                             const int8_t* a, const int8_t* b) {
  const int32_t bits = w->bits;
  const uint32_t mask = (1u << bits) - 1;
  for (; n > 0; n -= 4, codes += bits) {
    uint32_t v = mg_first_half(codes);
    for (int32_t i = 0; i < 4 && i < n; i++, to += 4) {
      if (i == 2) v = mg_second_half(codes, bits);
      to[0] = (uint8_t)(a[v & mask] + 128);
      v >>= bits;
      to[1] = (uint8_t)(b[v & mask] + 128);
      v >>= bits;
    }
  }
  return codes;
}

void MG_NAME(mg_conv_indexed)(const int8_t* in, int8_t* out, void* scratch,
                              const mg_conv_indexed_params* p) {
  const mg_indexed* const w = &p->weights;
  uint8_t* const buffer = (uint8_t*)scratch + p->scratch;
  const int32_t n = p->conv.kernel_h * p->conv.kernel_w * p->conv.in_c;
  const int32_t channels = p->conv.out_c;
  const uint8_t* codes = w->codes;
  mg_conv_params part = p->conv;
  part.weights = buffer;
  part.pixel = p->conv.out_c;
  for (int32_t c = 0; c < channels; c += p->chunk) {
    const int32_t count = channels - c < p->chunk ? channels - c : p->chunk;
    for (int32_t i = 0; i < count; i += 2) {
      const int8_t* const a = mg_book(w, c + i);
      const int8_t* const b = i + 1 < count ? mg_book(w, c + i + 1) : a;
      codes = decode(buffer + i / 4 * 4 * n + i % 4, codes, n, w, a, b);
    }
    part.channels = (const mg_channel*)p->conv.channels + c;
    part.out_c = (uint16_t)count;
    MG_NAME(mg_conv)(in, out + c, scratch, &part);
  }
}
