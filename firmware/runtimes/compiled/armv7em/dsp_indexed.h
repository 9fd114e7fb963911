/* Convolutions by conv.inc whose weights are indices: see indexed.h. */
#ifndef MG_DSP_INDEXED_H
#define MG_DSP_INDEXED_H

#include "../indexed.h"
#include "dsp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* conv: weights and end are not read; out_c is even. constants: the four words of each pair of
 * channels; head: what a stream begins with, 0 for nothing. chunk: channels that are decoded at a
 * time, an even number. Never in place. Scratch: that of the convolution, to the next multiple of
 * 4; behind it 8 bytes for each four of a pair, 16 for the pair, and 4. */
typedef struct {
  mg_dsp_conv_params conv;
  mg_indexed weights;
  const int32_t* constants;
  int32_t head;
  uint16_t chunk, scratch;
} mg_dsp_conv_indexed_params;

void mg_dsp_conv_indexed(const int8_t* in, int8_t* out, void* scratch,
                         const mg_dsp_conv_indexed_params* p);

#ifdef __cplusplus
}
#endif
#endif
