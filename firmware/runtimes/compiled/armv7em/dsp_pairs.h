/* Layers whose weights are indices into one book of sixteen values: see pairs.inc. */
#ifndef MG_DSP_PAIRS_H
#define MG_DSP_PAIRS_H

#include "dsp.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MG_PAIR_TABLE 1024

/* The entry of i: value i % 16 of the book in the low half, value i / 16 in the high one. */
void mg_pair_table(void* table, const int8_t* book);

void mg_pairs2(const int8_t* x, const uint8_t* w, const int8_t* x_end, const void* table,
               int32_t sums[2]);

/* conv: weights are a stream of pairs.inc. Scratch: MG_PAIR_TABLE bytes, then that of mg_dsp_conv.
 */
typedef struct {
  mg_dsp_conv_params conv;
  const int8_t* book;
} mg_dsp_conv_pairs_params;

void mg_dsp_conv_pairs(const int8_t* in, int8_t* out, void* scratch,
                       const mg_dsp_conv_pairs_params* p);

/* weights: bytes of pairs.inc, [pairs of channels][fours of a row][4]. in: readable up to the next
 * multiple of 4. Scratch: MG_PAIR_TABLE bytes; never in place. */
typedef struct {
  const uint8_t* weights;
  const int8_t* book;
  const void* channels;
  int32_t batches, depth, units;
  int16_t zero; /* twice the output's zero point, and 1 */
} mg_dsp_dense_pairs_params;

void mg_dsp_dense_pairs(const int8_t* in, int8_t* out, void* scratch,
                        const mg_dsp_dense_pairs_params* p);
void mg_dsp_dense_pairs_wide(const int8_t* in, int8_t* out, void* scratch,
                             const mg_dsp_dense_pairs_params* p);

#ifdef __cplusplus
}
#endif
#endif
