/* What a tensor at the model's edge looks like, and how its numbers and its bytes relate. */
#ifndef MODEL_TENSOR_H
#define MODEL_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  MODEL_INT8,
  MODEL_INT16,
  MODEL_UINT8,
  MODEL_INT32,
  MODEL_FLOAT32,
  MODEL_BOOL
} model_type;

typedef struct {
  const char* name; /* UTF-8 */
  model_type type;
  uint32_t elements;
  uint32_t bytes;
  uint8_t rank;
  int32_t dims[6];
  float scale; /* 0: not quantized */
  int32_t zero_point;
} model_tensor;

/* The number that element `element` of a tensor's bytes stands for. */
float model_dequantize(const model_tensor* tensor, const void* bytes, size_t element);

/* Writes a number as element `element` of a tensor's bytes: rounds half away from zero as TFLite
 * does, saturates, and takes NaN for zero. */
void model_quantize(const model_tensor* tensor, float value, void* bytes, size_t element);

#ifdef __cplusplus
}
#endif
#endif
