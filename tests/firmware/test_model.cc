// The arithmetic of model_types.h and the names of model_runner.h.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <set>
#include <string>

#include "model_runner.h"

using model::ElementType;
using model::TensorInfo;

namespace {

TensorInfo Tensor(ElementType type, float scale, int32_t zero_point) {
  return {"t", type, 1, type == ElementType::kInt16 ? 2u : 1u, 1, {1}, scale, zero_point};
}

template <class T>
T Quantized(const TensorInfo& tensor, float value) {
  uint8_t bytes[4] = {0xa5, 0xa5, 0xa5, 0xa5};
  model::Quantize(tensor, value, bytes);
  CHECK(bytes[sizeof(T)] == 0xa5);
  T q;
  std::memcpy(&q, bytes, sizeof(q));
  return q;
}

}  // namespace

TEST_CASE("quantizing rounds half away from zero and saturates") {
  const TensorInfo int8 = Tensor(ElementType::kInt8, 0.5f, 3);
  CHECK(Quantized<int8_t>(int8, 0.0f) == 3);
  CHECK(Quantized<int8_t>(int8, 0.25f) == 4);
  CHECK(Quantized<int8_t>(int8, 0.2499f) == 3);
  CHECK(Quantized<int8_t>(int8, -0.25f) == 2);
  CHECK(Quantized<int8_t>(int8, -0.2499f) == 3);
  CHECK(Quantized<int8_t>(int8, 0.75f) == 5);
  CHECK(Quantized<int8_t>(int8, 62.0f) == 127);
  CHECK(Quantized<int8_t>(int8, 62.5f) == 127);
  CHECK(Quantized<int8_t>(int8, -65.5f) == -128);
  CHECK(Quantized<int8_t>(int8, -66.0f) == -128);
  CHECK(Quantized<int8_t>(int8, 1e38f) == 127);
  CHECK(Quantized<int8_t>(int8, -1e38f) == -128);
  CHECK(Quantized<int8_t>(int8, INFINITY) == 127);
  CHECK(Quantized<int8_t>(int8, -INFINITY) == -128);
  CHECK(Quantized<int8_t>(int8, NAN) == 3);
  CHECK(Quantized<int8_t>(Tensor(ElementType::kInt8, 1e-30f, -128), 1.0f) == 127);
  CHECK(Quantized<int8_t>(Tensor(ElementType::kInt8, 1.0f, 127), 0.0f) == 127);

  const TensorInfo uint8 = Tensor(ElementType::kUInt8, 1.0f, 128);
  CHECK(Quantized<uint8_t>(uint8, -128.4f) == 0);
  CHECK(Quantized<uint8_t>(uint8, 127.0f) == 255);
  CHECK(Quantized<uint8_t>(uint8, 1000.0f) == 255);

  const TensorInfo int16 = Tensor(ElementType::kInt16, 0.001f, 0);
  CHECK(Quantized<int16_t>(int16, 1.0f) == 1000);
  CHECK(Quantized<int16_t>(int16, -40.0f) == -32768);
  CHECK(Quantized<int16_t>(int16, 40.0f) == 32767);
}

TEST_CASE("every quantized value survives the way there and back") {
  for (const int32_t zero_point : {-128, -1, 0, 83, 127}) {
    const TensorInfo tensor = Tensor(ElementType::kInt8, 0.584702909f, zero_point);
    for (int q = -128; q <= 127; ++q) {
      const uint8_t byte = static_cast<uint8_t>(q);
      REQUIRE(Quantized<int8_t>(tensor, model::Dequantize(tensor, &byte, 0)) == q);
    }
  }
}

TEST_CASE("dequantizing each type") {
  const uint8_t bytes[] = {0x00, 0xff, 0xfe, 0xff, 0xff, 0xff, 0x00, 0x00};
  CHECK(model::Dequantize(Tensor(ElementType::kInt8, 0.5f, 1), bytes, 1) == -1.0f);
  CHECK(model::Dequantize(Tensor(ElementType::kUInt8, 0.5f, 1), bytes, 1) == 127.0f);
  CHECK(model::Dequantize(Tensor(ElementType::kInt16, 0.5f, 0), bytes, 1) == -1.0f);
  CHECK(model::Dequantize(Tensor(ElementType::kInt32, 0.0f, 0), bytes, 1) == 65535.0f);
  CHECK(model::Dequantize(Tensor(ElementType::kBool, 0.0f, 0), bytes, 0) == 0.0f);
  const float value = -2.5f;
  uint8_t as_bytes[sizeof(value)];
  std::memcpy(as_bytes, &value, sizeof(value));
  CHECK(model::Dequantize(Tensor(ElementType::kFloat32, 0.0f, 0), as_bytes, 0) == -2.5f);
}

TEST_CASE("which tensors take floats") {
  CHECK(model::IsQuantized(Tensor(ElementType::kInt8, 0.5f, 0)));
  CHECK(model::IsQuantized(Tensor(ElementType::kInt16, 0.5f, 0)));
  CHECK(model::IsQuantized(Tensor(ElementType::kUInt8, 0.5f, 0)));
  CHECK_FALSE(model::IsQuantized(Tensor(ElementType::kInt8, 0.0f, 0)));
  CHECK_FALSE(model::IsQuantized(Tensor(ElementType::kInt32, 0.5f, 0)));
  CHECK_FALSE(model::IsQuantized(Tensor(ElementType::kFloat32, 0.0f, 0)));
}

TEST_CASE("every status has a name of its own") {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(model::Status::kReset); ++i) {
    const std::string name = model::StatusName(static_cast<model::Status>(i));
    CHECK(name != "unknown");
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string::npos);
    names.insert(name);
  }
  CHECK(names.size() == static_cast<size_t>(model::Status::kReset) + 1);
}
