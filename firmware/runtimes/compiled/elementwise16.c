#include "elementwise16.h"

#include "mg_activation16.h"
#include "mg_loops.h"

static int32_t scaled(int32_t x, const mg_factor* f) {
  return mg_multiply(x, f->multiplier, (int)f->shift);
}

/* Operands are walked in bytes; every stride is a multiple of their size. */
static int32_t load(const int8_t* p) {
  int16_t v;
  memcpy(&v, p, sizeof v);
  return v;
}

static void store(int8_t* p, int32_t v) {
  const int16_t low = (int16_t)v;
  memcpy(p, &low, sizeof low);
}

static void sum(const int8_t* a, int32_t step_a, const int8_t* b, int32_t step_b, int8_t* out,
                int32_t n, const void* params) {
  const mg_sum16_params* const p = params;
  for (; n > 0; n--, a += step_a, b += step_b, out += 2) {
    const int32_t x = scaled((load(a) - p->zero_point_a) * (1 << 15), &p->a);
    const int32_t y = scaled((load(b) - p->zero_point_b) * (1 << 15), &p->b);
    const int32_t v = scaled(x + p->sign * y, &p->out) + p->zero_point;
    store(out, mg_clamp(v, p->low, p->high));
  }
}

void mg_sum16(const int16_t* a, const int16_t* b, int16_t* out, const int32_t* loops,
              const mg_sum16_params* p) {
  mg_walk(loops, a, b, out, 2, sum, p);
}

static void product(const int8_t* a, int32_t step_a, const int8_t* b, int32_t step_b, int8_t* out,
                    int32_t n, const void* params) {
  const mg_product16_params* const p = params;
  for (; n > 0; n--, a += step_a, b += step_b, out += 2) {
    store(out, mg_clamp(scaled(load(a) * load(b), &p->out), p->low, p->high));
  }
}

void mg_product16(const int16_t* a, const int16_t* b, int16_t* out, const int32_t* loops,
                  const mg_product16_params* p) {
  mg_walk(loops, a, b, out, 2, product, p);
}

static void minimum(const int8_t* a, int32_t step_a, const int8_t* b, int32_t step_b, int8_t* out,
                    int32_t n, const void* params) {
  (void)params;
  for (; n > 0; n--, a += step_a, b += step_b, out += 2) {
    store(out, load(a) < load(b) ? load(a) : load(b));
  }
}

void mg_minimum16(const int16_t* a, const int16_t* b, int16_t* out, const int32_t* loops) {
  mg_walk(loops, a, b, out, 2, minimum, 0);
}

static void maximum(const int8_t* a, int32_t step_a, const int8_t* b, int32_t step_b, int8_t* out,
                    int32_t n, const void* params) {
  (void)params;
  for (; n > 0; n--, a += step_a, b += step_b, out += 2) {
    store(out, load(a) > load(b) ? load(a) : load(b));
  }
}

void mg_maximum16(const int16_t* a, const int16_t* b, int16_t* out, const int32_t* loops) {
  mg_walk(loops, a, b, out, 2, maximum, 0);
}

void mg_leaky_relu16(const int16_t* in, int16_t* out, int32_t n, const mg_leaky_relu16_params* p) {
  for (int32_t i = 0; i < n; i++) {
    const int32_t x = in[i] - p->zero_point_in;
    const int32_t y = x >= 0 ? scaled(x, &p->above) : p->sign * scaled(x, &p->below);
    out[i] = (int16_t)mg_clamp(y + p->zero_point_out, INT16_MIN, INT16_MAX);
  }
}

void mg_logistic_all16(const int16_t* in, int16_t* out, int32_t n, const uint16_t* table,
                       int32_t multiplier, int32_t shift) {
  for (int32_t i = 0; i < n; i++) {
    out[i] = mg_logistic16(table, mg_scaled16(in[i], multiplier, shift));
  }
}

void mg_tanh_all16(const int16_t* in, int16_t* out, int32_t n, const uint16_t* table,
                   int32_t multiplier, int32_t shift) {
  for (int32_t i = 0; i < n; i++) {
    out[i] = mg_tanh16(table, mg_scaled16(in[i], multiplier, shift));
  }
}

/* Interpolates in a table of 513 entries. */
static int32_t between(int32_t x, const int16_t* table) {
  const int16_t* const at = table + 256 + (x >> 7);
  return at[0] + (((at[1] - at[0]) * (x & 0x7f) + 64) >> 7);
}

void mg_softmax16(const int16_t* in, int16_t* out, const mg_softmax16_params* p) {
  for (int32_t row = 0; row < p->rows; row++, in += p->depth, out += p->depth) {
    int32_t top = INT16_MIN, total = 0;
    for (int32_t i = 0; i < p->depth; i++) {
      if (in[i] > top) top = in[i];
    }
    for (int32_t i = 0; i < p->depth; i++) {
      const int32_t x = scaled(in[i] - top, &p->in) + 32767;
      out[i] = (int16_t)between(mg_clamp(x, INT16_MIN, INT16_MAX), p->exponential);
      total += out[i];
    }
    int32_t headroom = 0; /* leading zeros */
    while (headroom < 32 && ((uint32_t)total << headroom) < 0x80000000u) headroom++;
    const int32_t normal =
        (int32_t)((((int64_t)total << (headroom - 1)) + (1 << 13)) >> 14) - (1 << 15) - (1 << 16);
    const int32_t scale = between(mg_clamp(normal, INT16_MIN, INT16_MAX), p->reciprocal);
    const int32_t shift = 31 - headroom;
    for (int32_t i = 0; i < p->depth; i++) {
      const int32_t v = (int32_t)(((int64_t)out[i] * scale + ((int64_t)1 << (shift - 1))) >> shift);
      out[i] = (int16_t)mg_clamp(v, 0, INT16_MAX);
    }
  }
}
