#include "dsp_compact.h"

/* For nibbles.inc: fields in another form, an even number of steps, and six words behind them. */
#ifdef MG_NIBBLES
#define MG_FUNCTION mg_dsp_conv_nibbles
#define MG_SPREAD mg_split3
#define MG_STEPS(p) (((p)->steps + 1) & ~1)
#define MG_WORDS(p) (6 * MG_STEPS(p) + 6)
#else
#define MG_FUNCTION mg_dsp_conv
#define MG_SPREAD mg_widen3
#define MG_STEPS(p) ((p)->steps)
#define MG_WORDS(p) (6 * (p)->steps)
#endif

/* The first tap of a pixel's field. */
typedef struct {
  int32_t y, x;
} tap;

MG_INLINE int inside(const tap* at, const mg_dsp_conv_params* p) {
  return at->y >= 0 && at->x >= 0 && at->y <= p->last_y && at->x <= p->last_x;
}

/* The field of a pixel as bytes, taps outside of the image as zero points. Inline, it takes stack
 * while kernels run. */
static MG_NOINLINE void field(int8_t* d, const int8_t* in, const tap* at,
                              const mg_dsp_conv_params* p) {
  const int32_t zero = (p->zero_point & 255) * 0x01010101;
  for (int32_t i = 0; i < 4 * p->steps; i += 4) memcpy(d + i, &zero, 4);
  int32_t top = 0, bottom = p->kernel_h;
  while (top < bottom && at->y + top * p->dilation_h < 0) top++;
  while (top < bottom && at->y + (bottom - 1) * p->dilation_h >= p->in_h) bottom--;
  if (top == bottom) return;
  in += (at->y + top * p->dilation_h) * p->row;
  d += top * p->width;
  for (int32_t kx = 0, n = 1; kx < p->kernel_w; kx += n) {
    const int32_t x = at->x + kx * p->dilation_w;
    n = 1;
    if (x < 0 || x >= p->in_w) continue;
    if (p->dilation_w == 1) {
      n = p->in_w - x;
      if (n > p->kernel_w - kx) n = p->kernel_w - kx;
    }
    mg_copy_rows(d + kx * p->in_c, in + x * p->in_c, p->width, p->row * p->dilation_h, bottom - top,
                 n * p->in_c);
  }
}

void MG_FUNCTION(const int8_t* in, int8_t* out, void* scratch, const mg_dsp_conv_params* p) {
  uint32_t* const x = scratch;
  const int32_t c = p->out_c;
  int8_t* const fields = (int8_t*)(x + MG_WORDS(p));
#ifdef MG_NIBBLES
  /* The words of a step that has no elements. */
  if (p->steps % 2) {
    uint32_t* const last = x + 6 * p->steps;
    for (int32_t i = 0; i < 3; i++) last[i] = 0, last[3 + i] = 0xff80ff80u;
  }
#endif
  for (int32_t batch = p->batches; batch > 0; batch--) {
    tap at = {-p->pad_h, -p->pad_w};
    int32_t column = p->out_w;
    for (int32_t left = p->pixels; left > 0; left -= 3) {
      const int8_t* from[3];
      int32_t down[3];
      const int32_t n = left < 3 ? left : 3;
      for (int32_t q = 0; q < 3; q++) {
        if (q >= n) {
          from[q] = from[q - 1];
          down[q] = down[q - 1];
          continue;
        }
        if (p->flat) {
          from[q] = in;
          in += p->width;
          down[q] = 0;
          continue;
        }
        if (inside(&at, p)) {
          from[q] = in + at.y * p->row + at.x * p->in_c;
          down[q] = p->row * p->dilation_h;
        } else {
          from[q] = fields + q * 4 * p->steps;
          down[q] = p->width;
          field(fields + q * 4 * p->steps, in, &at, p);
        }
        at.x += p->stride_w;
        if (--column == 0) {
          column = p->out_w;
          at.x = -p->pad_w;
          at.y += p->stride_h;
        }
      }
      MG_SPREAD(x, from, down, (uint32_t)p->rows, (uint32_t)p->fours);
      const int32_t second = n > 1 ? p->pixel + c % 2 : 0;
      p->kernel(x, p->weights, p->end, c % 2 == 0 ? out : fields, second,
                n > 2 ? 2 * second : second, p->gaps ? (uintptr_t)p->gaps : (uintptr_t)MG_STEPS(p));
      for (int32_t i = 0; c % 2 && i < n * c; i++) out[i] = fields[i + i / c];
      out += n * p->pixel;
    }
    in += p->image;
  }
}
