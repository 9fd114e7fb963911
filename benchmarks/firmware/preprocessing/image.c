/* The resizing of a camera's images behind model.h. */
#include "camera_image.h"
#include "model.h"

static uint16_t pixels[ROWS][COLUMNS];
static uint8_t result[VALUES];
static uint32_t ram;

void *model_input(unsigned index) {
  (void)index;
  return pixels;
}
const void *model_output(unsigned index) {
  return index ? (const void *)&ram : result;
}

void model_reset(void) {
  image_reset(&camera_image);
  /* two rows of 16 bits, a row of the result, a row of the camera */
  const image_settings *s = camera_image.settings;
  ram = (uint32_t)(sizeof camera_image + 5u * s->width * s->channels +
                   2u * COLUMNS);
}

void model_invoke(void) {
  const image_settings *s = camera_image.settings;
  uint8_t *next = result;
  for (uint32_t row = 0; row < ROWS; row++) {
    while (image_process(&camera_image, row, pixels[row], next))
      next += s->width * s->channels;
  }
}
