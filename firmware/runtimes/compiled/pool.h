/* AVERAGE_POOL_2D and MAX_POOL_2D, int8 and int16. */
#ifndef MG_POOL_H
#define MG_POOL_H

#include "mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* in: [batches, in_h, in_w, channels]; out: [batches, out_h, out_w, channels]. No scratch.
 * A pixel of all channels is written after its field was read channel by channel: where one field
 * is all that there is, it works in place. */
typedef struct {
  uint16_t batches;
  uint16_t in_h, in_w, channels;
  uint16_t out_h, out_w;
  uint16_t kernel_h, kernel_w;
  uint16_t stride_h, stride_w;
  int16_t pad_h, pad_w;
  int16_t low, high;
} mg_pool_params;

void mg_average_pool(const int8_t* in, int8_t* out, const mg_pool_params* p);
void mg_max_pool(const int8_t* in, int8_t* out, const mg_pool_params* p);
void mg_average_pool16(const int16_t* in, int16_t* out, const mg_pool_params* p);
void mg_max_pool16(const int16_t* in, int16_t* out, const mg_pool_params* p);

#ifdef __cplusplus
}
#endif
#endif
