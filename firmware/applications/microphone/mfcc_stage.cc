// Cepstral coefficients of a microphone's samples.
#include "front_end.h"
#include "front_end_mfcc.h"
#include "mfcc_config.h"
#include "sensing_config.h"
#include "stage.h"

namespace sensing {

static_assert(kFrameElements == FRONT_END_MFCC_COEFFICIENTS && kAxes == 1, "another front end");

void ResetStage() { logmel_reset(&front_end); }

size_t RunStage(const int16_t* values, size_t count, int32_t* frame, bool* complete) {
  static uint16_t features[FRONT_END_CHANNELS];
  static int16_t coefficients[FRONT_END_MFCC_COEFFICIENTS];
  const size_t taken = logmel_process(&front_end, values, count, features, complete);
  if (*complete) {
    mfcc_compute(&front_end_mfcc, features, coefficients);
    for (size_t i = 0; i < FRONT_END_MFCC_COEFFICIENTS; ++i) frame[i] = coefficients[i];
    frame[0] += kFirstOffset;
  }
  return taken;
}

}  // namespace sensing
