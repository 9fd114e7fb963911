// Images of a camera: a frame is one row of the model's image.
#include "camera_config.h"
#include "camera_image.h"
#include "sensing_config.h"
#include "stage.h"

namespace sensing {

static_assert(kFrameElements == CAMERA_IMAGE_ROW, "another image");

void ResetStage() { image_reset(&camera_image); }

size_t RunStage(const int16_t* values, size_t /*count*/, int32_t* frame, bool* complete) {
  static uint16_t pixels[kAxes - 1];
  static uint8_t row[CAMERA_IMAGE_ROW];
  for (size_t i = 0; i + 1 < kAxes; ++i) pixels[i] = static_cast<uint16_t>(values[i + 1]);
  *complete = image_process(&camera_image, static_cast<uint16_t>(values[0]), pixels, row);
  if (!*complete) return kAxes;
  for (size_t i = 0; i < CAMERA_IMAGE_ROW; ++i) frame[i] = row[i] * kWhite + kBlack;
  return 0;  // the same row may make more
}

}  // namespace sensing
