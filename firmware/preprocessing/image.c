#include "image.h"

/* A place between two columns or rows, or on one: 256 is the distance of two. */
typedef struct {
  uint32_t first, weight;
} place;

/* Where the middle of element `index` of `count` lies among `from` elements. */
static place place_of(const image_settings* settings, uint32_t index, uint32_t count,
                      uint32_t from) {
  const uint32_t twice = (2 * index + 1) * from;
  place found = {twice / (2 * count), 0};
  if (settings->bilinear) {
    const uint32_t middle = twice * 128 / count, last = (from - 1) * 256;
    const uint32_t at = middle < 128 ? 0 : middle - 128 > last ? last : middle - 128;
    found.first = at / 256;
    found.weight = at % 256;
  }
  return found;
}

static uint32_t red(uint32_t pixel) { return ((pixel >> 11) * 527 + 23) >> 6; }
static uint32_t green(uint32_t pixel) { return ((pixel >> 5 & 63) * 259 + 33) >> 6; }
static uint32_t blue(uint32_t pixel) { return ((pixel & 31) * 527 + 23) >> 6; }

static uint32_t value(const image_settings* settings, uint32_t pixel, unsigned channel) {
  if (settings->grey) return pixel & 255;
  if (settings->channels == 1) {
    return (77 * red(pixel) + 150 * green(pixel) + 29 * blue(pixel) + 128) >> 8;
  }
  return channel == 0 ? red(pixel) : channel == 1 ? green(pixel) : blue(pixel);
}

static void narrow(const image_settings* settings, const uint16_t* pixels, uint16_t* to) {
  for (uint32_t x = 0; x < settings->width; x++) {
    const place at = place_of(settings, x, settings->width, settings->columns);
    const uint16_t* const pixel = pixels + settings->left + at.first;
    for (unsigned channel = 0; channel < settings->channels; channel++) {
      uint32_t sum = value(settings, pixel[0], channel) * (256 - at.weight);
      if (at.weight) sum += value(settings, pixel[1], channel) * at.weight;
      *to++ = (uint16_t)sum;
    }
  }
}

static void blend(const image_front* front, uint32_t weight, bool one, uint8_t* result) {
  const size_t count = (size_t)front->settings->width * front->settings->channels;
  const uint16_t *above = front->rows[one], *below = front->rows[1];
  for (size_t i = 0; i < count; i++) {
    result[i] = (uint8_t)((above[i] * (256 - weight) + below[i] * weight + 32768) >> 16);
  }
}

void image_reset(image_front* front) {
  front->next = 0;
  front->made = 0;
}

bool image_process(image_front* front, uint32_t row, const uint16_t* pixels, uint8_t* result) {
  const image_settings* settings = front->settings;
  const bool again = front->next > 0 && row + 1 == front->next;
  if (!again) {
    if (row == 0) image_reset(front);
    if (row != front->next) {
      image_reset(front);
      return false;
    }
    front->next = row + 1;
    if (row < settings->top || row >= (uint32_t)settings->top + settings->rows) return false;
    uint16_t* const oldest = front->rows[0];
    front->rows[0] = front->rows[1];
    front->rows[1] = oldest;
    narrow(settings, pixels, oldest);
  }
  if (front->made == settings->height || row < settings->top) return false;
  const place at = place_of(settings, front->made, settings->height, settings->rows);
  const uint32_t now = row - settings->top, last = at.first + (at.weight != 0);
  if (last != now) return false;
  blend(front, at.weight, at.weight == 0, result);
  front->made++;
  return true;
}
