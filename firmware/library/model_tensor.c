#include "model_tensor.h"

#include <string.h>

typedef struct {
  size_t bytes;
  int32_t low, high;
} range;

/* In the order of model_type. A float holds no more of an int32's ends. */
static const range g_ranges[] = {{1, INT8_MIN, INT8_MAX},
                                 {2, INT16_MIN, INT16_MAX},
                                 {1, 0, UINT8_MAX},
                                 {4, INT32_MIN, 2147483520},
                                 {4, 0, 0},
                                 {1, 0, 1}};

float model_dequantize(const model_tensor* tensor, const void* bytes, size_t element) {
  const range* type = &g_ranges[tensor->type];
  const unsigned char* from = (const unsigned char*)bytes + element * type->bytes;
  if (tensor->type == MODEL_FLOAT32) {
    float value;
    memcpy(&value, from, sizeof(value));
    return value;
  }
  int32_t q = 0;
  if (tensor->type == MODEL_INT8) {
    int8_t value;
    memcpy(&value, from, sizeof(value));
    q = value;
  } else if (tensor->type == MODEL_INT16) {
    int16_t value;
    memcpy(&value, from, sizeof(value));
    q = value;
  } else if (tensor->type == MODEL_INT32) {
    memcpy(&q, from, sizeof(q));
  } else {
    q = *from;
  }
  if (tensor->scale <= 0) return (float)q;
  return tensor->scale * (float)((int64_t)q - tensor->zero_point);
}

static int32_t quantized(const model_tensor* tensor, float value) {
  const range* type = &g_ranges[tensor->type];
  const int64_t zero = tensor->scale > 0 ? tensor->zero_point : 0;
  /* Compared as a float first, because converting a float that no integer can hold is undefined. */
  const float steps = tensor->scale > 0 ? value / tensor->scale : value;
  if (steps != steps) return (int32_t)zero;
  if (steps <= (float)(type->low - zero)) return type->low;
  if (steps >= (float)(type->high - zero)) return type->high;
  const int64_t whole = (int64_t)steps;
  const float rest = steps - (float)whole;
  return (int32_t)(zero + whole + (rest >= 0.5f ? 1 : rest <= -0.5f ? -1 : 0));
}

void model_quantize(const model_tensor* tensor, float value, void* bytes, size_t element) {
  const size_t size = g_ranges[tensor->type].bytes;
  unsigned char* to = (unsigned char*)bytes + element * size;
  if (tensor->type == MODEL_FLOAT32) {
    memcpy(to, &value, sizeof(value));
    return;
  }
  const uint32_t bits =
      tensor->type == MODEL_BOOL ? (uint32_t)(value != 0) : (uint32_t)quantized(tensor, value);
  for (size_t k = 0; k < size; ++k) to[k] = (unsigned char)(bits >> (8 * k)); /* little-endian */
}
