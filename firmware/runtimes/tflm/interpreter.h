// What model_file.cc asks of model_runner.cc.
#pragma once

#include <cstdint>

#include "model_runner.h"

namespace model {

// Sets a flatbuffer up, whose SHA-256 in hex is `sha256`; both stay where they are. No model is up.
Status Start(const uint8_t* flatbuffer, const char* sha256, void (*keep_alive)());

// Puts the model down that is up.
void Stop();

}  // namespace model
