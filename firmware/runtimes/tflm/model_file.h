// A model from outside of the firmware: a flash partition, a file, a download. `model.bin` in a
// project that microgen wrote is one; docs/runtimes.md has its layout.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model_runner.h"

namespace model {

// Takes the model of a file in place of the one that is up, if any (of several: that models.h
// says). The file stays where it is, at an address that is a multiple of 16, for as long as the
// model is used. Its model must have the inputs and outputs of the firmware's own, and no operator
// that the firmware lacks.
//
// The file's hash is checked first, then TFLM sets the model up with the firmware's operators and
// arena, then its golden vectors run. Unless all is right no model is up: Init() brings back the
// firmware's own. The hash finds damage; it does not tell who made the file.
Status Init(const uint8_t* file, size_t bytes, void (*keep_alive)() = nullptr);

}  // namespace model
