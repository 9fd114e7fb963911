#include "dsp.h"

/* The first tap of a pixel's field. */
typedef struct {
  int32_t y, x;
} tap;

/* What does not change from pixel to pixel. */
typedef struct {
  const mg_dsp_conv_params *p;
  int32_t row, down;          /* bytes from row to row of the image, of the field */
  int32_t last_y, last_x;     /* of first taps of fields that lie in the image; negative: there are none */
} walk;

MG_INLINE int inside(tap at, const walk *k) { return at.y >= 0 && at.x >= 0 && at.y <= k->last_y && at.x <= k->last_x; }

/* Fields of pixels whose channels are whole fours: straight from the image; taps outside from a pixel of zero points. */
static void from_image(uint32_t *d, const int8_t *in, const tap at[3], const int8_t *zeros, const walk *k) {
  const mg_dsp_conv_params *const p = k->p;
  const int32_t c = p->in_c;
  if (p->dilation_w == 1 && inside(at[0], k) && inside(at[1], k) && inside(at[2], k)) {
    const int8_t *a[3];
    for (int32_t q = 0; q < 3; q++) a[q] = in + at[q].y * k->row + at[q].x * c;
    const uint32_t fours = (uint32_t)(p->kernel_w * c) / 4u;
    for (int32_t ky = p->kernel_h; ky > 0; ky--) {
      d = mg_widen3(d, a[0], a[1], a[2], fours);
      for (int32_t q = 0; q < 3; q++) a[q] += k->down;
    }
    return;
  }
  for (int32_t ky = 0; ky < p->kernel_h; ky++) {
    for (int32_t kx = 0; kx < p->kernel_w; kx++) {
      const int8_t *a[3];
      for (int32_t q = 0; q < 3; q++) {
        const int32_t y = at[q].y + ky * p->dilation_h, x = at[q].x + kx * p->dilation_w;
        a[q] = y >= 0 && x >= 0 && y < p->in_h && x < p->in_w ? in + y * k->row + x * c : zeros;
      }
      d = mg_widen3(d, a[0], a[1], a[2], (uint32_t)c / 4u);
    }
  }
}

/* Copies n bytes of some rows. */
static void copy(int8_t *d, int32_t d_row, const int8_t *s, int32_t s_row, int32_t rows, int32_t n) {
  while (n > 0) {
    const int32_t size = n >= 4 ? 4 : n >= 2 ? 2 : 1;
    const int8_t *from = s;
    int8_t *to = d;
    if (size == 4) {
      for (int32_t r = rows; r > 0; r--, to += d_row, from += s_row) memcpy(to, from, 4);
    } else if (size == 2) {
      for (int32_t r = rows; r > 0; r--, to += d_row, from += s_row) memcpy(to, from, 2);
    } else {
      for (int32_t r = rows; r > 0; r--, to += d_row, from += s_row) *to = *from;
    }
    n -= size;
    s += size;
    d += size;
  }
}

/* How many taps of `n`, `step` apart from `first` on, lie before `end`. */
static int32_t before(int32_t first, int32_t step, int32_t n, int32_t end) {
  if (first >= end) return 0;
  const int32_t most = step == 1 ? end - first : (end - first + step - 1) / step;
  return most < n ? most : n;
}

/* The field of a pixel as bytes, for channels of any number. */
static void field(int8_t *d, const int8_t *in, tap at, const walk *k) {
  const mg_dsp_conv_params *const p = k->p;
  const int32_t c = p->in_c, width = p->kernel_w * c;
  int32_t top = 0, bottom = p->kernel_h;
  if (!inside(at, k)) {
    const uint32_t zero = (uint32_t)(p->zero_point & 255) * 0x01010101u;
    for (int32_t i = 0; i < p->steps; i++) memcpy(d + 4 * i, &zero, 4);
    top = before(at.y, p->dilation_h, p->kernel_h, 0);
    bottom = before(at.y, p->dilation_h, p->kernel_h, p->in_h);
  }
  in += (at.y + top * p->dilation_h) * k->row;
  d += top * width;
  if (p->dilation_w == 1) {
    const int32_t left = at.x < 0 ? -at.x : 0;
    const int32_t right = at.x > p->in_w - p->kernel_w ? p->in_w - at.x : p->kernel_w;
    copy(d + left * c, width, in + (at.x + left) * c, k->down, bottom - top, (right - left) * c);
  } else {
    for (int32_t kx = 0, x = at.x; kx < p->kernel_w; kx++, x += p->dilation_w) {
      if (x >= 0 && x < p->in_w) copy(d + kx * c, width, in + x * c, k->down, bottom - top, c);
    }
  }
}

void mg_dsp_conv(const int8_t *in, int8_t *out, void *scratch, const mg_dsp_conv_params *p) {
  uint32_t *const x = scratch;
  int8_t *const behind = (int8_t *)(x + 6 * p->steps);
  const int32_t c = p->out_c, gap = c % 2 ? c + 1 : c, fours = p->in_c % 4 == 0, bytes = 4 * p->steps;
  int8_t *const spare = behind + (fours ? p->in_c : 3 * bytes);
  const walk k = {p, p->in_w * p->in_c, p->in_w * p->in_c * p->dilation_h,
                  p->in_h - (p->kernel_h - 1) * p->dilation_h - 1, p->in_w - (p->kernel_w - 1) * p->dilation_w - 1};
  if (fours) memset(behind, p->zero_point, p->in_c);
  for (int32_t batch = p->batches; batch > 0; batch--, in += p->in_h * k.row) {
    tap next = {-p->pad_h, -p->pad_w};
    int32_t column = p->out_w;
    for (int32_t left = p->out_h * p->out_w; left > 0; left -= 3) {
      const int32_t n = left < 3 ? left : 3;
      tap at[3];
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
        from_image(x, in, at, behind, &k);
      } else {
        for (int32_t q = 0; q < 3; q++) field(behind + q * bytes, in, at[q], &k);
        mg_widen3(x, behind, behind + bytes, behind + 2 * bytes, p->steps);
      }
      const int32_t second = n > 1 ? gap : 0;
      p->kernel(x, p->weights, p->end, gap == c ? out : spare, second, n > 2 ? 2 * gap : second, p->steps);
      if (gap != c) {
        for (int32_t q = 0; q < n; q++) memcpy(out + q * c, spare + q * gap, (size_t)c);
      }
      out += n * c;
    }
  }
}
