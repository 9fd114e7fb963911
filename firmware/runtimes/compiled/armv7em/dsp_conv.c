#include "dsp.h"

typedef struct {
  int32_t y, x; /* of the first tap */
} pixel;

static int inside(pixel at, const mg_dsp_conv_params *p) {
  return at.y >= 0 && at.x >= 0 && at.y + (p->kernel_h - 1) * p->dilation_h < p->in_h &&
         at.x + (p->kernel_w - 1) * p->dilation_w < p->in_w;
}

/* Fields of pixels whose channels are whole fours: straight from the image; taps outside from a row of zero points. */
static void from_image(uint32_t *d, const int8_t *in, const pixel at[3], const int8_t *zeros, const mg_dsp_conv_params *p) {
  const int32_t c = p->in_c, row = p->in_w * c;
  if (p->dilation_w == 1 && inside(at[0], p) && inside(at[1], p) && inside(at[2], p)) {
    const int8_t *a = in + at[0].y * row + at[0].x * c, *b = in + at[1].y * row + at[1].x * c;
    const int8_t *e = in + at[2].y * row + at[2].x * c;
    const int32_t next = row * p->dilation_h;
    for (int32_t ky = p->kernel_h; ky > 0; ky--, a += next, b += next, e += next) {
      d = mg_widen3(d, a, b, e, (uint32_t)(p->kernel_w * c) / 4u);
    }
    return;
  }
  for (int32_t ky = 0; ky < p->kernel_h; ky++) {
    for (int32_t kx = 0; kx < p->kernel_w; kx++) {
      const int8_t *from[3];
      for (int32_t q = 0; q < 3; q++) {
        const int32_t y = at[q].y + ky * p->dilation_h, x = at[q].x + kx * p->dilation_w;
        from[q] = y >= 0 && x >= 0 && y < p->in_h && x < p->in_w ? in + y * row + x * c : zeros;
      }
      d = mg_widen3(d, from[0], from[1], from[2], (uint32_t)c / 4u);
    }
  }
}

static void copy(int8_t *to, const int8_t *from, int32_t n) {
  for (; n >= 4; n -= 4, to += 4, from += 4) memcpy(to, from, 4);
  for (; n > 0; n--) *to++ = *from++;
}

/* The field of a pixel as bytes, for channels of any number. */
static void field(int8_t *d, const int8_t *in, pixel at, const mg_dsp_conv_params *p) {
  const int32_t c = p->in_c, row = p->in_w * c, width = p->kernel_w * c;
  const int32_t whole = inside(at, p) && p->dilation_w == 1;
  if (!whole) memset(d, p->zero_point, (size_t)(width * p->kernel_h));
  int32_t y = at.y;
  for (int32_t ky = 0; ky < p->kernel_h; ky++, y += p->dilation_h, d += width) {
    if (y < 0 || y >= p->in_h) continue;
    if (p->dilation_w == 1) {
      const int32_t left = at.x < 0 ? -at.x : 0;
      const int32_t right = at.x + p->kernel_w > p->in_w ? p->in_w - at.x : p->kernel_w;
      copy(d + left * c, in + y * row + (at.x + left) * c, (right - left) * c);
    } else {
      int32_t x = at.x;
      for (int32_t kx = 0; kx < p->kernel_w; kx++, x += p->dilation_w) {
        if (x >= 0 && x < p->in_w) copy(d + kx * c, in + y * row + x * c, c);
      }
    }
  }
}

void mg_dsp_conv(const int8_t *in, int8_t *out, void *scratch, const mg_dsp_conv_params *p) {
  uint32_t *const x = scratch;
  int8_t *const behind = (int8_t *)(x + 6 * p->steps);
  const int32_t c = p->out_c, pixels = p->out_h * p->out_w, gap = c % 2 ? c + 1 : c;
  const int32_t fours = p->in_c % 4 == 0;
  int8_t *const spare = behind + (fours ? p->in_c : 12 * p->steps);
  if (fours) memset(behind, p->zero_point, p->in_c);
  for (int32_t batch = p->batches; batch > 0; batch--, in += p->in_h * p->in_w * p->in_c) {
    pixel next = {-p->pad_h, -p->pad_w};
    for (int32_t left = pixels, column = p->out_w; left > 0; left -= 3) {
      const int32_t n = left < 3 ? left : 3;
      pixel at[3];
      for (int32_t q = 0; q < 3; q++) {
        at[q] = q < n ? next : at[n - 1];
        next.x += p->stride_w;
        if (--column == 0) {
          column = p->out_w;
          next.x = -p->pad_w;
          next.y += p->stride_h;
        }
      }
      if (fours) {
        from_image(x, in, at, behind, p);
      } else {
        for (int32_t q = 0; q < 3; q++) field(behind + q * 4 * p->steps, in, at[q], p);
        mg_widen3(x, behind, behind + 4 * p->steps, behind + 8 * p->steps, p->steps);
      }
      p->kernel(x, p->weights, p->end, gap == c ? out : spare, n > 1 ? gap : 0, n > 2 ? 2 * gap : n > 1 ? gap : 0, p->steps);
      if (gap != c) {
        for (int32_t q = 0; q < n; q++) memcpy(out + q * c, spare + q * gap, (size_t)c);
      }
      out += n * c;
    }
  }
}
