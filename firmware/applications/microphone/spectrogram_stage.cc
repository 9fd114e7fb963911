// Levels of a microphone's samples, in decibels.
#include "front_end.h"
#include "front_end_spectrogram.h"
#include "sensing_config.h"
#include "stage.h"

namespace sensing {

static_assert(kFrameElements == FRONT_END_CHANNELS && kAxes == 1, "another front end");

void ResetStage() { logmel_reset(&front_end); }

size_t RunStage(const int16_t* values, size_t count, int32_t* frame, bool* complete) {
  static uint16_t features[FRONT_END_CHANNELS];
  static int16_t levels[FRONT_END_CHANNELS];
  const size_t taken = logmel_process(&front_end, values, count, features, complete);
  if (*complete) {
    spectrogram_compute(&front_end_spectrogram, features, levels);
    for (size_t i = 0; i < FRONT_END_CHANNELS; ++i) frame[i] = levels[i];
  }
  return taken;
}

}  // namespace sensing
