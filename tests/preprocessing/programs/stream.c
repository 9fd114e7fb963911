/* Samples from standard input, in pieces of odd length; frames to standard
 * output. */
#include <stdio.h>

#include "front_end.h"

int main(void) {
  static int16_t samples[97];
  uint16_t frame[FRONT_END_CHANNELS];
  logmel_reset(&front_end);
  for (;;) {
    const size_t count =
        fread(samples, 1, sizeof samples, stdin) / sizeof *samples;
    if (!count)
      return 0;
    for (size_t taken = 0; taken < count;) {
      bool complete;
      taken += logmel_process(&front_end, samples + taken, count - taken, frame,
                              &complete);
      if (complete && fwrite(frame, 1, sizeof frame, stdout) != sizeof frame)
        return 1;
    }
  }
}
