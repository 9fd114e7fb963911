#include "blocks.h"
#include "mg_fields.h"

#define MG_FOUR(w, s) \
  ((s)[0] += q[0] * (w), (s)[1] += q[1] * (w), (s)[2] += q[2] * (w), (s)[3] += q[3] * (w))

/* Adds the blocks of a pair to the sums of four pixels. */
static MG_NOINLINE void add(const int16_t* q, mg_blocks* blocks, int32_t* a_, int32_t* b_) {
  int32_t a[MG_PIXELS], b[MG_PIXELS];
  memcpy(a, a_, sizeof a);
  memcpy(b, b_, sizeof b);
  q -= 4 * MG_PIXELS; /* where block -1 would be */
  const uint8_t* gaps = blocks->gaps;
  const int8_t* w = blocks->weights;
  for (int32_t gap = *gaps++; gap != 0; gap = *gaps++, w += 8, q -= 4 * MG_PIXELS) {
    q += 4 * MG_PIXELS * gap;
    for (int32_t i = 0; i < 4; i++, q += MG_PIXELS) {
      MG_FOUR(w[2 * i], a);
      MG_FOUR(w[2 * i + 1], b);
    }
  }
  blocks->gaps = gaps;
  blocks->weights = w;
  memcpy(a_, a, sizeof a);
  memcpy(b_, b, sizeof b);
}

static void put(int8_t* out, const int32_t* sums, int32_t pixels, int32_t gap,
                const mg_channel* channels, int32_t zero) {
  MG_HOLD(mg_channel, channel, channels);
  for (int32_t r = 0; r < pixels; r++, out += gap)
    *out = (int8_t)mg_requantize(sums[r], channel, zero);
}

void MG_NAME(mg_conv_blocks)(const int8_t* in, int8_t* out, void* scratch,
                             const mg_conv_blocks_params* p) {
  const mg_field_shape* const shape = &p->shape;
  const int32_t gap = shape->out_c, zero = p->zero;
  const int32_t n = shape->kernel_h * shape->kernel_w * shape->in_c;
  int16_t* const x = scratch;
  for (int32_t i = n; i < ((n + 3) & ~3); i++) memset(x + i * MG_PIXELS, 0, 2 * MG_PIXELS);
  for (int32_t batch = shape->batches; batch > 0; batch--) {
    mg_field_at at = {-shape->pad_h, -shape->pad_w, shape->out_w};
    for (int32_t left = shape->out_h * shape->out_w; left > 0; left -= MG_PIXELS) {
      const int32_t pixels = left < MG_PIXELS ? left : MG_PIXELS;
      mg_gather(x, in, pixels, &at, shape);
      mg_blocks blocks = p->blocks;
      const mg_channel* channels = p->channels;
      for (int32_t i = 0; i < gap; i += 2, channels += 2) {
        const int32_t first = mg_bias(channels), second = mg_bias(channels + 1);
        int32_t a[MG_PIXELS] = {first, first, first, first};
        int32_t b[MG_PIXELS] = {second, second, second, second};
        add(x, &blocks, a, b);
        put(out + i, a, pixels, gap, channels, zero);
        if (i + 1 < gap) put(out + i + 1, b, pixels, gap, channels + 1, zero);
      }
      out += pixels * gap;
    }
    in += shape->in_h * shape->in_w * shape->in_c;
  }
}
