// Windows of an accelerometer's values, and a gyroscope's: a frame is a whole window.
#include "motion_window.h"
#include "sensing_config.h"
#include "stage.h"

namespace sensing {

static_assert(kFrameElements == MOTION_WINDOW_LENGTH * MOTION_WINDOW_AXES &&
                  kAxes == MOTION_WINDOW_AXES,
              "another window");

void ResetStage() { window_reset(&motion_window); }

size_t RunStage(const int16_t* values, size_t /*count*/, int32_t* frame, bool* complete) {
  *complete = window_process(&motion_window, values, frame);
  return kAxes;
}

}  // namespace sensing
