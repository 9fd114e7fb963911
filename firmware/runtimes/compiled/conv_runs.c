#include "mg_fields.h"
#include "runs.h"

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
#define MG_FOUR(w) \
  (a += q[0] * (w), b += q[1] * (w), c += q[2] * (w), d += q[3] * (w), q += MG_PIXELS)
  for (; runs != end; runs += 3) {
    const uint32_t gaps = runs[0];
    const int32_t v = (int8_t)runs[1], w = (int8_t)runs[2];
    q += MG_PIXELS * (gaps & 15);
    MG_FOUR(v);
    q += MG_PIXELS * (gaps >> 4);
    MG_FOUR(w);
  }
#endif
  sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
  return runs;
}

void MG_NAME(mg_conv_runs)(const int8_t* in, int8_t* out, void* scratch,
                           const mg_conv_runs_params* p) {
  const mg_field_shape* const shape = &p->shape;
  const int32_t gap = shape->out_c, zero = p->zero;
  int16_t* const x = scratch;
  for (int32_t batch = shape->batches; batch > 0; batch--) {
    mg_field_at at = {-shape->pad_h, -shape->pad_w, shape->out_w};
    for (int32_t left = shape->out_h * shape->out_w; left > 0; left -= MG_PIXELS) {
      const int32_t pixels = left < MG_PIXELS ? left : MG_PIXELS;
      mg_gather(x, in, pixels, &at, shape);
      const uint8_t* runs = p->runs;
      const mg_channel* channels = p->channels;
      for (int32_t i = 0; i < gap; i++, channels++) {
        const int32_t bias = mg_bias(channels);
        int32_t sums[MG_PIXELS] = {bias, bias, bias, bias};
        runs = add(x, runs, p->pairs[i], sums);
        MG_HOLD(mg_channel, channel, channels);
        int8_t* to = out + i;
        *to = (int8_t)mg_requantize(sums[0], channel, zero);
        for (int32_t r = 1; r < pixels; r++) {
          to += gap;
          *to = (int8_t)mg_requantize(sums[r], channel, zero);
        }
      }
      out += pixels * gap;
    }
    in += shape->in_h * shape->in_w * shape->in_c;
  }
}
