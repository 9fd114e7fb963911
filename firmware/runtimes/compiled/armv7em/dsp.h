/* Layers by the DSP instructions of Armv7E-M (Cortex-M4, M7, M33 with DSP), int8.
 *
 * The functions here walk over pixels and call the matrix kernels of the .inc files, of which the
 * generator makes an instance for each shift (and shape) that a model needs. Results are those of
 * the plain C kernels, bit by bit. */
#ifndef MG_DSP_H
#define MG_DSP_H

#include "../mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* See conv.inc, nibbles.inc, dot.inc, depthwise.inc, winograd.inc, sum.inc, nibbles.S, widen.S,
 * pool.S and winograd_input.S. */
typedef void mg_conv3_kernel(const uint32_t* x, const int32_t* w, const int32_t* w_end, int8_t* out,
                             int32_t second, int32_t third, uintptr_t steps);
typedef void mg_dot4_kernel(const void* x, const int32_t* w, const int32_t* w_end, void* out,
                            uint32_t fours);
typedef void mg_sum_kernel(const int8_t* a, const int8_t* b, int8_t* out, uint32_t n,
                           const void* p);
typedef void mg_plane_kernel(const int8_t* in, int16_t* plane);
typedef void mg_depthwise_kernel(const int16_t* plane, const int32_t* w, int8_t* out, int32_t zero);
typedef void mg_winograd_kernel(const uint32_t* v, const int32_t* w, const int32_t* w_end,
                                int8_t* out, int32_t* m, int32_t pixel, int32_t row);
void mg_widen3(uint32_t* d, const int8_t* const from[3], const int32_t down[3], uint32_t rows,
               uint32_t fours);
void mg_split3(uint32_t* d, const int8_t* const from[3], const int32_t down[3], uint32_t rows,
               uint32_t fours);
void mg_copy_rows(int8_t* d, const int8_t* s, int32_t d_row, int32_t s_row, int32_t rows,
                  int32_t n);
void mg_widen1(void* d, const int8_t* p, uint32_t fours);
void mg_nibbles_start(const int8_t* x, const int8_t* x_end, int32_t sums[2]);
void mg_nibbles4(const int8_t* x, const uint32_t* w, const int8_t* x_end, int32_t second,
                 int32_t sums[4]);
void mg_nibbles2(const int8_t* x, const uint32_t* w, const int8_t* x_end, int32_t second,
                 int32_t sums[4]);
void mg_window_sum(const int8_t* p, int32_t pixel, int32_t row, uint32_t rows, uint32_t columns,
                   int32_t sums[4]);
uint32_t mg_window_max(const int8_t* p, int32_t pixel, int32_t row, uint32_t rows,
                       uint32_t columns);
void mg_winograd_input(uint32_t* v, const int8_t* p, int32_t row, int32_t pixel, uint32_t fours,
                       uint32_t* t);

/* Convolution without groups. weights: stream of conv.inc, elements in the order [kernel_h,
 * kernel_w, in_c].
 *
 * width, row, image: bytes of a row of the field, of the image, of all of it; image is 0 where
 * `flat` is set. last_y, last_x: of first taps of fields that are read where they lie; others are
 * copied first. rows, fours: of a field that is widened, each row in whole fours: where its own
 * rows are not, all of it is one, last_y is -1. steps: fours of the field, rounded up. flat: each
 * pixel is its own field. pixels: of an output image, or of all where `flat` is set. Scratch: 24 *
 * steps bytes; behind them the larger of 12 * steps bytes, unless all fields are read where they
 * lie, and 3 * (out_c + 1) bytes where out_c is odd. Fields of three pixels are read before their
 * outputs are written. pixel: bytes from an output pixel to the next; out_c where that is odd. */
typedef struct {
  mg_conv3_kernel* kernel;
  const int32_t *weights, *end;
  const uint8_t* gaps; /* of mg_blocks3; a null pointer for mg_conv3 */
  int32_t pixels, image, row;
  int16_t batches, width, rows, fours, steps, last_y, last_x;
  int16_t in_h, in_w, in_c, out_w, out_c, pixel;
  int16_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_h, pad_w;
  int8_t zero_point;
  uint8_t flat;
} mg_dsp_conv_params;

/* A fully connected layer whose sums take more than 23 bits: in parts of `part` elements (a
 * multiple of 4), each with a stream of dot.inc without constants and biases. Channels come in
 * fours. Scratch: 2 * part bytes, then 32 bytes for each four of `units`, rounded up. */
typedef struct {
  mg_dot4_kernel* kernel;
  const int32_t* weights;
  const void* channels;
  int16_t zero; /* twice the output's zero point, and 1 */
  int32_t depth, part, units;
} mg_dsp_dense_params;

/* A fully connected layer with four bits a weight: words of nibbles.inc, [pairs of channels][fours
 * of a row]. in: readable up to the next multiple of 4. channels: as many as units, their biases as
 * nibbles.inc says. No scratch; never in place. */
typedef struct {
  const uint32_t* weights;
  const void* channels;
  int32_t batches, depth, units;
  int16_t zero; /* twice the output's zero point, and 1 */
} mg_dsp_dense_nibbles_params;

/* Depthwise convolution up to 3x3, of `channels` inputs with `multiplier` outputs each. weights:
 * five words per output channel, see depthwise.inc; zero: twice the output's zero point, and 1.
 * Scratch: rows * columns halfwords, columns even. `first`: where the first pixel of the image lies
 * in the plane. Works in place where the multiplier is 1. */
typedef struct {
  mg_depthwise_kernel* kernel;
  mg_plane_kernel* plane;
  const int32_t* weights;
  uint16_t batches, channels, multiplier, rows, columns, first;
  int16_t zero_point, zero;
  uint32_t in_pixels, out_pixels;
} mg_dsp_depthwise_params;

/* Convolution 3x3 with stride 1 by winograd.inc. `fours`: of input channels.
 * Scratch: 256 * fours + 256 bytes; 96 * fours behind them; 8 * out_c behind these. Two rows of
 * outputs need the input from the row of their first tap on. */
typedef struct {
  mg_winograd_kernel* kernel;
  const int32_t *weights, *end;
  uint16_t in_h, in_w, out_h, out_w, out_c, fours;
  int16_t pad_h, pad_w, zero_point;
} mg_dsp_winograd_params;

/* AVERAGE_POOL_2D of up to 255 pixels, MAX_POOL_2D; channels are whole fours. Four channels of a
 * pixel are read before they are written. */
typedef struct {
  uint16_t batches, in_h, in_w, channels, out_h, out_w;
  uint16_t kernel_h, kernel_w, stride_h, stride_w;
  int16_t pad_h, pad_w, low, high;
} mg_dsp_pool_params;

void mg_dsp_conv(const int8_t* in, int8_t* out, void* scratch, const mg_dsp_conv_params* p);
/* The same with a stream of nibbles.inc. Scratch: 24 bytes for each two steps that are begun,
 * twice, and 24; the rest as above. */
void mg_dsp_conv_nibbles(const int8_t* in, int8_t* out, void* scratch, const mg_dsp_conv_params* p);
void mg_dsp_dense(const int8_t* in, int8_t* out, void* scratch, const mg_dsp_dense_params* p);
void mg_dsp_dense_wide(const int8_t* in, int8_t* out, void* scratch, const mg_dsp_dense_params* p);
void mg_dsp_dense_nibbles(const int8_t* in, int8_t* out, const mg_dsp_dense_nibbles_params* p);
void mg_dsp_dense_nibbles_wide(const int8_t* in, int8_t* out, const mg_dsp_dense_nibbles_params* p);
void mg_dsp_depthwise(const int8_t* in, int8_t* out, void* scratch,
                      const mg_dsp_depthwise_params* p);
void mg_dsp_winograd(const int8_t* in, int8_t* out, void* scratch, const mg_dsp_winograd_params* p);

/* AVERAGE_POOL_2D of a whole image of up to 255 pixels; works in place. */
void mg_dsp_mean(const int8_t* in, int8_t* out, uint32_t pixels, int32_t channels, int32_t low,
                 int32_t high);
void mg_dsp_average_pool(const int8_t* in, int8_t* out, const mg_dsp_pool_params* p);
void mg_dsp_max_pool(const int8_t* in, int8_t* out, const mg_dsp_pool_params* p);

/* Clamps n bytes, for activations that are narrower than int8. */
void mg_dsp_clamp(int8_t* out, uint32_t n, int32_t low, int32_t high);

#ifdef __cplusplus
}
#endif
#endif
