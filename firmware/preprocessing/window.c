#include "window.h"

#include <string.h>

#define HISTORY_BITS 8
#define SMOOTHING_BITS 16
#define MULTIPLIER_BITS 16

void window_reset(window_front* front) {
  front->moments = 0;
  front->started = false;
}

/* Rounds to the nearest, halves upwards; `divisor` is positive. */
static int64_t rounded(int64_t dividend, int64_t divisor) {
  const int64_t twice = 2 * dividend + divisor, quotient = twice / (2 * divisor);
  return quotient - (quotient * 2 * divisor > twice);
}

static int32_t clipped(int64_t number) {
  if (number > INT32_MAX) return INT32_MAX;
  return number < INT32_MIN ? INT32_MIN : (int32_t)number;
}

/* What is taken from the values of an axis: at moment t, mean + slope * (2 t - length + 1) /
 * divisor.
 */
typedef struct {
  int64_t mean, slope, divisor;
} trend;

static trend trend_of(const window_front* front, unsigned axis) {
  const window_settings* settings = front->settings;
  trend found = {0, 0, 1};
  if (settings->detrend == WINDOW_DETREND_NONE) return found;
  const int64_t length = settings->length;
  const int32_t* value = front->history + axis;
  int64_t sum = 0, slope = 0;
  for (int64_t t = 0; t < length; t++, value += settings->axes) {
    sum += *value;
    slope += *value * (2 * t - length + 1);
  }
  found.mean = rounded(sum, length);
  if (settings->detrend == WINDOW_DETREND_LINE && length > 1) {
    found.slope = slope;
    found.divisor = length * (length * length - 1) / 3;
  }
  return found;
}

static void finish(const window_front* front, unsigned axis, int32_t* numbers) {
  const window_settings* settings = front->settings;
  const int64_t length = settings->length, multiplier = settings->multipliers[axis];
  const trend taken = trend_of(front, axis);
  for (int64_t t = 0; t < length; t++) {
    const size_t place = (size_t)t * settings->axes + axis;
    int64_t value = front->history[place] - taken.mean;
    if (taken.slope) value -= rounded(taken.slope * (2 * t - length + 1), taken.divisor);
    const int64_t half = (int64_t)1 << (HISTORY_BITS + MULTIPLIER_BITS - 1);
    const int64_t scaled = (value * multiplier + half) >> (HISTORY_BITS + MULTIPLIER_BITS);
    numbers[place] = clipped(scaled + settings->offsets[axis]);
  }
}

bool window_process(window_front* front, const int16_t* values, int32_t* numbers) {
  const window_settings* settings = front->settings;
  int32_t* const now = front->history + front->moments * settings->axes;
  for (unsigned axis = 0; axis < settings->axes; axis++) {
    const int32_t value = values[axis] * (1 << HISTORY_BITS);
    int32_t* const low = &front->low[axis];
    if (!front->started || !settings->smoothing) {
      *low = value;
    } else {
      *low += (int32_t)(((int64_t)(value - *low) * settings->smoothing) >> SMOOTHING_BITS);
    }
    now[axis] = *low;
  }
  front->started = true;
  if (++front->moments < settings->length) return false;
  for (unsigned axis = 0; axis < settings->axes; axis++) finish(front, axis, numbers);
  front->moments = (size_t)(settings->length - settings->stride);
  memmove(front->history, front->history + (size_t)settings->stride * settings->axes,
          front->moments * settings->axes * sizeof *front->history);
  return true;
}
