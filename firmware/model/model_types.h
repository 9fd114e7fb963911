// What a tensor at the model's edge looks like, and how its numbers and its bytes relate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace model {

enum class ElementType : uint8_t { kInt8, kInt16, kUInt8, kInt32, kFloat32, kBool };

struct TensorInfo {
  const char* name;
  ElementType type;
  uint32_t elements;
  uint32_t bytes;
  uint8_t rank;
  int32_t dims[6];
  float scale;  // 0: not quantized
  int32_t zero_point;
};

// True for tensors that Quantize() can fill.
constexpr bool IsQuantized(const TensorInfo& tensor) {
  return tensor.scale > 0 &&
         (tensor.type == ElementType::kInt8 || tensor.type == ElementType::kInt16 ||
          tensor.type == ElementType::kUInt8);
}

constexpr size_t ElementBytes(const TensorInfo& tensor) {
  return tensor.elements == 0 ? 0 : tensor.bytes / tensor.elements;
}

// The number that element `element` of a tensor's bytes stands for.
inline float Dequantize(const TensorInfo& tensor, const uint8_t* bytes, size_t element) {
  const auto load = [&](auto value) {
    std::memcpy(&value, bytes + element * sizeof(value), sizeof(value));
    return value;
  };
  int32_t q = 0;
  switch (tensor.type) {
    case ElementType::kFloat32:
      return load(float{});
    case ElementType::kInt8:
      q = load(int8_t{});
      break;
    case ElementType::kInt16:
      q = load(int16_t{});
      break;
    case ElementType::kInt32:
      q = load(int32_t{});
      break;
    case ElementType::kUInt8:
    case ElementType::kBool:
      q = load(uint8_t{});
      break;
  }
  if (tensor.scale <= 0) return static_cast<float>(q);
  return tensor.scale * static_cast<float>(int64_t{q} - tensor.zero_point);
}

// Writes one element of a quantized tensor: rounds half away from zero as TFLite does, saturates,
// and takes NaN for zero.
inline void Quantize(const TensorInfo& tensor, float value, uint8_t* element) {
  const bool wide = tensor.type == ElementType::kInt16;
  const int32_t low = tensor.type == ElementType::kUInt8 ? 0 : wide ? INT16_MIN : INT8_MIN;
  const int32_t high = low + (wide ? UINT16_MAX : UINT8_MAX);
  // Compared as a float first, because converting a float that no int32_t can hold is undefined.
  // Not roundf: <math.h> takes longer to compile than the rest of the firmware's headers together.
  const float steps = value / tensor.scale;
  int32_t q = tensor.zero_point;
  if (steps <= static_cast<float>(low - tensor.zero_point)) {
    q = low;
  } else if (steps >= static_cast<float>(high - tensor.zero_point)) {
    q = high;
  } else if (steps == steps) {
    const int32_t whole = static_cast<int32_t>(steps);
    const float rest = steps - static_cast<float>(whole);
    q += whole + (rest >= 0.5f ? 1 : rest <= -0.5f ? -1 : 0);
  }
  const uint16_t bits = static_cast<uint16_t>(q);
  std::memcpy(element, &bits, wide ? 2 : 1);  // little-endian, as every supported target is
}

}  // namespace model
