/* A second of audio as the input of harness.c; its features, and how much RAM
 * is kept, as its outputs. */
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#define MODEL_INPUTS 1
#define MODEL_OUTPUTS 2
void *model_input(unsigned index);
const void *model_output(unsigned index);
void model_invoke(void);
void model_reset(void);
#ifdef __cplusplus
}
#endif
