/* Images of a camera, cropped and resized row by row as they come, in integers: equal, value by
 * value, to microgen.Image in Python.
 *
 *   a row of RGB565 or of grey -> the columns that are left, resized -> rows that are left, resized
 *
 * Constants and memory are in a pair of files that microgen.Image(...).emit() writes. There is no
 * heap and no floating point. */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  uint16_t left, top, columns, rows; /* what is left of the camera's image */
  uint16_t width, height;            /* of the result */
  uint8_t channels;                  /* of the result: 1, grey, or 3 */
  uint8_t grey;                      /* 1: a pixel is 8 bits of grey; 0: RGB565 */
  uint8_t bilinear;                  /* 0: nearest */
} image_settings;

/* Its memory is its own between calls. */
typedef struct {
  const image_settings* settings;
  uint16_t* rows[2]; /* [width * channels] each: the last two rows, 256 times the values */
  uint32_t next;     /* row of the camera's image */
  uint32_t made;     /* rows of the result */
} image_front;

/* Waits for the first row of an image. */
void image_reset(image_front* front);

/* Takes row `row` of the camera's image, [at least left + columns] pixels; call it with the same
 * row for as long as it returns true. Then it has written the next row of the result: [width *
 * channels], 0 to 255. Rows that are lost make it wait for the next image. */
bool image_process(image_front* front, uint32_t row, const uint16_t* pixels, uint8_t* result);

#ifdef __cplusplus
}
#endif
#endif
