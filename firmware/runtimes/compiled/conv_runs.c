#include "runs.h"

#define PIXELS 4 /* that share the reading of a weight */

/* Puts n bytes into the halfwords of a pixel. */
static MG_NOINLINE void widen(int16_t* to, const int8_t* from, int32_t n) {
  for (; n >= 4; n -= 4, from += 4, to += 4 * PIXELS) {
    to[0] = from[0];
    to[PIXELS] = from[1];
    to[2 * PIXELS] = from[2];
    to[3 * PIXELS] = from[3];
  }
  for (; n > 0; n--, from++, to += PIXELS) *to = *from;
}

/* Puts the field of an output pixel into its halfwords. */
static void gather(int16_t* to, const int8_t* in, int32_t y, int32_t x0,
                   const mg_conv_runs_params* p) {
  const int32_t n = p->in_c;
  const int32_t most = p->dilation_w == 1 ? p->kernel_w : 1;
  for (int32_t ky = p->kernel_h; ky > 0; ky--, y += p->dilation_h) {
    const int8_t* const row = in + y * p->in_w * n;
    for (int32_t kx = 0, x = x0; kx < p->kernel_w;) {
      int32_t taps = 1;
      if (y < 0 || y >= p->in_h || x < 0 || x >= p->in_w) {
        for (int32_t i = 0; i < n; i++) to[PIXELS * i] = p->zero_point;
      } else {
        taps = p->kernel_w - kx < most ? p->kernel_w - kx : most;
        if (taps > p->in_w - x) taps = p->in_w - x;
        widen(to, row + x * n, taps * n);
      }
      to += PIXELS * taps * n;
      kx += taps;
      x += taps * p->dilation_w;
    }
  }
}

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
/* Multiplies a weight with an element of the four pixels, and moves on to the next. */
#define MG_FOUR(w)                \
  "ldrd %[x], %[y], [%[q]], #8\n" \
  "smlabb %[a], %[x], %[" #w      \
  "], %[a]\n"                     \
  "smlatb %[b], %[x], %[" #w      \
  "], %[b]\n"                     \
  "smlabb %[c], %[y], %[" #w      \
  "], %[c]\n"                     \
  "smlatb %[d], %[y], %[" #w "], %[d]\n"
#endif

/* Adds the products of a channel to the sums of four pixels; returns the end of its runs. Not
 * inlined: the caller's variables would take its registers. */
static MG_NOINLINE const uint8_t* add(const int16_t* q, const uint8_t* runs, int32_t pairs,
                                      int32_t* sums) {
  int32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3];
  const uint8_t* const end = runs + 3 * pairs;
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
  if (runs != end) { /* compilers take 31 instructions for these 19 */
    int32_t gaps, x, y, v, w;
    __asm__(
        ".syntax unified\n"
        "1:\n"
        "ldrb %[gaps], [%[runs]], #3\n"
        "ldrsb %[v], [%[runs], #-2]\n"
        "ldrsb %[w], [%[runs], #-1]\n"
        "and %[x], %[gaps], #15\n"
        "add %[q], %[q], %[x], lsl #3\n" MG_FOUR(v)
        "lsr %[gaps], %[gaps], #4\n"
        "add %[q], %[q], %[gaps], lsl #3\n" MG_FOUR(w)
        "cmp %[runs], %[end]\n"
        "bne 1b\n"
        : [q] "+r"(q), [runs] "+r"(runs), [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d),
          [gaps] "=&r"(gaps), [x] "=&r"(x), [y] "=&r"(y), [v] "=&r"(v), [w] "=&r"(w)
        : [end] "r"(end)
        : "cc", "memory");
  }
#else
#define MG_FOUR(w) (a += q[0] * w, b += q[1] * w, c += q[2] * w, d += q[3] * w, q += PIXELS)
  for (; runs != end; runs += 3) {
    const uint32_t gaps = runs[0];
    const int32_t v = (int8_t)runs[1], w = (int8_t)runs[2];
    q += PIXELS * (gaps & 15);
    MG_FOUR(v);
    q += PIXELS * (gaps >> 4);
    MG_FOUR(w);
  }
#endif
  sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
  return runs;
}

void MG_NAME(mg_conv_runs)(const int8_t* in, int8_t* out, void* scratch,
                           const mg_conv_runs_params* p) {
  int16_t* const x = scratch;
  for (int32_t batch = p->batches; batch > 0; batch--) {
    int32_t at_y = -p->pad_h, at_x = -p->pad_w, column = p->out_w;
    for (int32_t left = p->out_h * p->out_w; left > 0; left -= PIXELS) {
      const int32_t pixels = left < PIXELS ? left : PIXELS;
      for (int32_t r = 0; r < pixels; r++) {
        gather(x + r, in, at_y, at_x, p);
        at_x += p->stride_w;
        if (--column == 0) {
          column = p->out_w;
          at_x = -p->pad_w;
          at_y += p->stride_h;
        }
      }
      const uint8_t* runs = p->runs;
      const mg_channel* channels = p->channels;
      for (int32_t i = 0; i < p->out_c; i++, channels++) {
        const int32_t bias = mg_bias(channels), zero = p->zero, gap = p->out_c;
        int32_t sums[PIXELS] = {bias, bias, bias, bias};
        runs = add(x, runs, p->pairs[i], sums);
        MG_HOLD(mg_channel, channel, channels);
        int8_t* to = out + i;
        *to = (int8_t)mg_requantize(sums[0], channel, zero);
        for (int32_t r = 1; r < pixels; r++) {
          to += gap;
          *to = (int8_t)mg_requantize(sums[r], channel, zero);
        }
      }
      out += pixels * p->out_c;
    }
    in += p->in_h * p->in_w * p->in_c;
  }
}
