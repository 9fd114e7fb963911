// MLPerf Tiny's image tasks send uint8 pixels to a model with an int8 input.
#include "application.h"

namespace application {
namespace {

// Subtracting 128 from a uint8 inverts its highest bit.
uint8_t FromPixel(size_t /*input*/, uint8_t byte) { return byte ^ 0x80; }

}  // namespace

const serial::Hooks kHooks = {FromPixel, nullptr, nullptr, nullptr};

}  // namespace application
