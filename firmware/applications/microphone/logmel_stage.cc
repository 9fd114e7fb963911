// Log-mel features of a microphone's samples.
#include "front_end.h"
#include "sensing_config.h"
#include "stage.h"

namespace sensing {

static_assert(kFrameElements == FRONT_END_CHANNELS && kAxes == 1, "another front end");

void ResetStage() { logmel_reset(&front_end); }

size_t RunStage(const int16_t* values, size_t count, int32_t* frame, bool* complete) {
  static uint16_t features[FRONT_END_CHANNELS];
  const size_t taken = logmel_process(&front_end, values, count, features, complete);
  if (*complete) {
    for (size_t i = 0; i < FRONT_END_CHANNELS; ++i) frame[i] = features[i];
  }
  return taken;
}

}  // namespace sensing
