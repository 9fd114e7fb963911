/* Windows of a sensor's values, filtered and scaled, in integers: equal, value by value, to
 * microgen.Window in Python.
 *
 *   16-bit values -> low-pass -> the last `length` moments, every `stride` -> what their mean or
 * straight line leaves -> scale and offset
 *
 * Constants and memory are in a pair of files that microgen.Window(...).emit() writes. There is no
 * heap and no floating point. Right shifts of negative numbers are arithmetic, as with every
 * compiler that is supported. */
#ifndef WINDOW_H
#define WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WINDOW_UNIT 1024 /* a result that stands for 1 */

enum { WINDOW_DETREND_NONE, WINDOW_DETREND_MEAN, WINDOW_DETREND_LINE };

typedef struct {
  uint16_t length, stride; /* moments, at most 1024 */
  uint8_t axes;
  uint8_t detrend;
  uint32_t smoothing;         /* of the low-pass, 65536 is 1; 0: none */
  const int32_t* multipliers; /* [axes], 65536 makes a value of 1 a result of 1 */
  const int32_t* offsets;     /* [axes], of the result */
} window_settings;

/* Its memory is its own between calls. */
typedef struct {
  const window_settings* settings;
  int32_t* history; /* [length * axes], 256 times the values */
  int32_t* low;     /* [axes] */
  size_t moments;   /* in history */
  bool started;
} window_front;

/* Forgets what came before. */
void window_reset(window_front* front);

/* Takes the values of one moment, [axes]. Returns true where they complete a window, and writes its
 * numbers: [length * axes], the oldest moment first. */
bool window_process(window_front* front, const int16_t* values, int32_t* numbers);

#ifdef __cplusplus
}
#endif
#endif
