/* FULLY_CONNECTED, int8. */
#ifndef MG_FULLY_CONNECTED_H
#define MG_FULLY_CONNECTED_H

#include "mg_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* in: [batches, depth]; out: [batches, units]. weights: as mg_rows.h wants them; channels: filled
 * up to fours. No scratch; never in place. */
typedef struct {
  const uint8_t* weights;
  const void* channels;
  int32_t batches, depth, units;
  int16_t zero; /* twice the output's zero point, and 1 */
} mg_fully_connected_params;

void mg_fully_connected(const int8_t* in, int8_t* out, const mg_fully_connected_params* p);
void mg_fully_connected_wide(const int8_t* in, int8_t* out, const mg_fully_connected_params* p);

#ifdef __cplusplus
}
#endif
#endif
