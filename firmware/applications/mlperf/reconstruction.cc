// MLPerf Tiny's anomaly detection reads how far an autoencoder's output is from its input: the mean
// squared error against the numbers as they were loaded, before quantization.
#include "application.h"
#include "model_config.h"

namespace application {
namespace {

constexpr size_t kElements = model::kInputs[0].elements;
static_assert(model::kOutputs[0].elements == kElements, "the model is no autoencoder");

float g_features[kElements];

void Loaded(size_t input, size_t element, float value) {
  if (input == 0) g_features[element] = value;
}

bool Results(size_t output, const uint8_t* bytes, serial::Writer* out) {
  if (output != 0) return false;
  float sum = 0;
  for (size_t i = 0; i < kElements; ++i) {
    const float difference = model::Dequantize(model::kOutputs[0], bytes, i) - g_features[i];
    sum += difference * difference;
  }
  out->Decimal(sum / static_cast<float>(kElements), 6);
  return true;
}

}  // namespace

const serial::Hooks kHooks = {nullptr, Loaded, Results, nullptr};

}  // namespace application
