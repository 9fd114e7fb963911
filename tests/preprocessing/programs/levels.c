/* Samples from standard input; levels of channels to standard output. */
#include <stdio.h>

#include "front_end.h"
#include "front_end_spectrogram.h"

int main(void) {
  int16_t sample, levels[FRONT_END_CHANNELS];
  uint16_t features[FRONT_END_CHANNELS];
  while (fread(&sample, 1, sizeof sample, stdin) == sizeof sample) {
    bool complete;
    logmel_process(&front_end, &sample, 1, features, &complete);
    if (!complete)
      continue;
    spectrogram_compute(&front_end_spectrogram, features, levels);
    if (fwrite(levels, 1, sizeof levels, stdout) != sizeof levels)
      return 1;
  }
  return 0;
}
