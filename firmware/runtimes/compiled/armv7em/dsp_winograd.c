#include "dsp_compact.h"

/* Four rows of six pixels from (y, x) on; those outside the image are zero points. */
static void patch(int8_t* d, const int8_t* in, int32_t y, int32_t x,
                  const mg_dsp_winograd_params* p) {
  const int32_t c = 4 * p->fours, zero = (p->zero_point & 255) * 0x01010101;
  for (int32_t i = 0; i < 24 * c; i += 4) memcpy(d + i, &zero, 4);
  const int32_t top = y < 0 ? -y : 0, bottom = y + 4 > p->in_h ? p->in_h - y : 4;
  const int32_t left = x < 0 ? -x : 0, right = x + 6 > p->in_w ? p->in_w - x : 6;
  if (top >= bottom || left >= right) return;
  mg_copy_rows(d + (6 * top + left) * c, in + ((y + top) * p->in_w + x + left) * c, 6 * c,
               p->in_w * c, bottom - top, (right - left) * c);
}

void mg_dsp_winograd(const int8_t* in, int8_t* out, void* scratch,
                     const mg_dsp_winograd_params* p) {
  uint32_t* const v = scratch;
  int32_t* const m = (int32_t*)(v + 64 * p->fours);
  int8_t* const pixels = (int8_t*)(m + 64);
  const int32_t c = 4 * p->fours, row = p->in_w * c, co = p->out_c;
  int8_t* const spare = pixels + 24 * c;
  for (int32_t y = 0; y < p->out_h; y += 2) {
    for (int32_t x = 0; x < p->out_w; x += 4) {
      const int32_t y0 = y - p->pad_h, x0 = x - p->pad_w;
      if (y0 >= 0 && x0 >= 0 && y0 + 4 <= p->in_h && x0 + 6 <= p->in_w) {
        mg_winograd_input(v, in + y0 * row + x0 * c, row, c, p->fours, (uint32_t*)m);
      } else {
        patch(pixels, in, y0, x0, p);
        mg_winograd_input(v, pixels, 6 * c, c, p->fours, (uint32_t*)m);
      }
      int8_t* const to = out + (y * p->out_w + x) * co;
      if (y + 2 <= p->out_h && x + 4 <= p->out_w) {
        p->kernel(v, p->weights, p->end, to, m, co, p->out_w * co);
        continue;
      }
      p->kernel(v, p->weights, p->end, spare, m, co, 4 * co);
      for (int32_t i = 0; i < 2 && y + i < p->out_h; i++) {
        const int32_t n = p->out_w - x < 4 ? p->out_w - x : 4;
        mg_copy_rows(to + i * p->out_w * co, spare + 4 * i * co, 0, 0, 1, n * co);
      }
    }
  }
}
