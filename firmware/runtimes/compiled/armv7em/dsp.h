/* Layers by the DSP instructions of Armv7E-M (Cortex-M4, M7, M33 with DSP), int8.
 *
 * The functions here walk over pixels and call the matrix kernels of the .inc files, of which the generator makes an
 * instance for each shift (and shape) that a model needs. Results are those of the plain C kernels, bit by bit. */
#ifndef MG_DSP_H
#define MG_DSP_H

#include "../mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* See conv.inc, dot.inc, depthwise.inc, winograd.inc, widen.S and winograd_input.S. */
typedef void mg_conv3_kernel(const uint32_t *x, const int32_t *w, const int32_t *w_end, int8_t *out, int32_t second,
                             int32_t third, uint32_t steps);
typedef void mg_dot4_kernel(const uint32_t *x, const int32_t *w, const int32_t *w_end, int8_t *out, uint32_t fours);
typedef void mg_plane_kernel(const int8_t *in, int16_t *plane);
typedef void mg_depthwise_kernel(const int16_t *plane, const int32_t *w, int8_t *out);
typedef void mg_winograd_kernel(const uint32_t *v, const int32_t *w, const int32_t *w_end, int8_t *out, int32_t *m,
                                int32_t pixel, int32_t row);
uint32_t *mg_widen3(uint32_t *d, const int8_t *p, const int8_t *q, const int8_t *r, uint32_t fours);
uint32_t *mg_widen1(uint32_t *d, const int8_t *p, uint32_t fours);
void mg_winograd_input(uint32_t *v, const int8_t *p, int32_t row, int32_t pixel, uint32_t fours, uint32_t *t);

/* Convolution without groups. weights: stream of conv.inc. `steps`: fours of a field, rounded up.
 * Scratch: 24 * steps bytes; behind them in_c bytes where in_c is a multiple of 4, otherwise 12 * steps; behind these
 * 3 * (out_c + 1) bytes where out_c is odd. Fields of three pixels are read before their outputs are written. */
typedef struct {
  mg_conv3_kernel *kernel;
  const int32_t *weights, *end;
  uint16_t batches, in_h, in_w, in_c, out_h, out_w, out_c;
  uint16_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int16_t pad_h, pad_w, zero_point;
  uint16_t steps;
} mg_dsp_conv_params;

/* One row. weights: stream of dot.inc; `tail`: its last four channels, where there are fewer than four, otherwise `end`.
 * Scratch: 8 bytes for each four of `depth`, rounded up. All is read before anything is written. */
typedef struct {
  mg_dot4_kernel *kernel;
  const int32_t *weights, *tail, *end;
  uint16_t depth, units;
} mg_dsp_dense_params;

/* Depthwise convolution up to 3x3, of `channels` inputs with `multiplier` outputs each. weights: `stride` words per output
 * channel, see depthwise.inc. Scratch: rows * columns halfwords, columns even. `first`: where the first pixel of the image
 * lies in the plane. Works in place where the multiplier is 1. */
typedef struct {
  mg_depthwise_kernel *kernel;
  mg_plane_kernel *plane;
  const int32_t *weights;
  uint16_t batches, channels, multiplier, stride, rows, columns, first;
  int16_t zero_point;
  uint32_t in_pixels, out_pixels;
} mg_dsp_depthwise_params;

/* Convolution 3x3 with stride 1 by winograd.inc. `fours`: of input channels.
 * Scratch: 256 * fours + 256 bytes; 96 * fours behind them; 8 * out_c behind these. Two rows of outputs need the input
 * from the row of their first tap on. */
typedef struct {
  mg_winograd_kernel *kernel;
  const int32_t *weights, *end;
  uint16_t in_h, in_w, out_h, out_w, out_c, fours;
  int16_t pad_h, pad_w, zero_point;
} mg_dsp_winograd_params;

void mg_dsp_conv(const int8_t *in, int8_t *out, void *scratch, const mg_dsp_conv_params *p);
void mg_dsp_dense(const int8_t *in, int8_t *out, void *scratch, const mg_dsp_dense_params *p);
void mg_dsp_depthwise(const int8_t *in, int8_t *out, void *scratch, const mg_dsp_depthwise_params *p);
void mg_dsp_winograd(const int8_t *in, int8_t *out, void *scratch, const mg_dsp_winograd_params *p);

/* Clamps n bytes, for activations that are narrower than int8. */
void mg_dsp_clamp(int8_t *out, uint32_t n, int32_t low, int32_t high);

#ifdef __cplusplus
}
#endif
#endif
