/* CONV_2D and FULLY_CONNECTED, int8, with weights as runs: what is not zero, and how many zeros lie
 * before it. Zeros cost neither flash nor instructions.
 *
 * Runs of an output channel, its elements in the order [kernel_h, kernel_w, in_c]: three bytes for
 * each two weights: the zeros before the first (low four bits) and before the second, and the two
 * weights. More zeros than 15 take a weight of 0 among them. `pairs`: how many threes each channel
 * has. */
#ifndef MG_RUNS_H
#define MG_RUNS_H

#include "field_shape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* in: [batches, in_h, in_w, in_c]; out: [batches, out_h, out_w, out_c]. Scratch: 8 bytes per
 * element of a field. Fields of four pixels are read before their outputs are written. */
typedef struct {
  const uint8_t* runs;
  const uint16_t* pairs;
  const void* channels;
  mg_field_shape shape;
  int16_t zero; /* twice the output's zero point, and 1 */
} mg_conv_runs_params;

void mg_conv_runs(const int8_t* in, int8_t* out, void* scratch, const mg_conv_runs_params* p);
void mg_conv_runs_wide(const int8_t* in, int8_t* out, void* scratch, const mg_conv_runs_params* p);

/* in: [batches, depth]; out: [batches, units]. No scratch; never in place. */
typedef struct {
  const uint8_t* runs;
  const uint16_t* pairs;
  const void* channels;
  int32_t batches, depth, units;
  int16_t zero; /* twice the output's zero point, and 1 */
} mg_dense_runs_params;

void mg_dense_runs(const int8_t* in, int8_t* out, const mg_dense_runs_params* p);
void mg_dense_runs_wide(const int8_t* in, int8_t* out, const mg_dense_runs_params* p);

#ifdef __cplusplus
}
#endif
#endif
