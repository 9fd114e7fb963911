/* CONV_2D and FULLY_CONNECTED, int8, with weights in blocks of two channels by four elements:
 * blocks of zeros cost neither flash nor instructions.
 *
 * Channels come in pairs a, b (the last is filled up); a pair's elements, [kernel_h, kernel_w,
 * in_c], in fours (the last filled up). weights: a0, b0, a1, b1, a2, b2, a3, b3 of each block that
 * is stored. gaps: a byte for each, the distance to the block before it (of the first: its number,
 * and 1); 0 ends a pair. */
#ifndef MG_BLOCKS_H
#define MG_BLOCKS_H

#include "field_shape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  const int8_t* weights;
  const uint8_t* gaps;
} mg_blocks;

/* in: [batches, in_h, in_w, in_c]; out: [batches, out_h, out_w, out_c]. channels: filled up to
 * pairs. Scratch: 32 bytes for each four elements of a field. Fields of four pixels are read before
 * their outputs are written. */
typedef struct {
  mg_blocks blocks;
  const void* channels;
  mg_field_shape shape;
  int16_t zero; /* twice the output's zero point, and 1 */
} mg_conv_blocks_params;

void mg_conv_blocks(const int8_t* in, int8_t* out, void* scratch, const mg_conv_blocks_params* p);
void mg_conv_blocks_wide(const int8_t* in, int8_t* out, void* scratch,
                         const mg_conv_blocks_params* p);

/* in: [batches, depth], readable up to the next multiple of 4; out: [batches, units]. channels:
 * filled up to pairs. No scratch; never in place. */
typedef struct {
  mg_blocks blocks;
  const void* channels;
  int32_t batches, depth, units;
  int16_t zero; /* twice the output's zero point, and 1 */
} mg_dense_blocks_params;

void mg_dense_blocks(const int8_t* in, int8_t* out, const mg_dense_blocks_params* p);
void mg_dense_blocks_wide(const int8_t* in, int8_t* out, const mg_dense_blocks_params* p);

#ifdef __cplusplus
}
#endif
#endif
