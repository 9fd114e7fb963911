// What turns a sensor's values into the numbers of a frame; each application brings one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sensing {

// Forgets what came before.
void ResetStage();

// Takes values, at most as many as complete a frame, and returns how many it took. `frame`:
// [kFrameElements], written when one is complete.
size_t RunStage(const int16_t* values, size_t count, int32_t* frame, bool* complete);

}  // namespace sensing
