/* Samples from standard input; cepstral coefficients to standard output. */
#include <stdio.h>

#include "front_end.h"
#include "front_end_mfcc.h"

int main(void) {
  int16_t sample, coefficients[FRONT_END_MFCC_COEFFICIENTS];
  uint16_t features[FRONT_END_CHANNELS];
  while (fread(&sample, 1, sizeof sample, stdin) == sizeof sample) {
    bool complete;
    logmel_process(&front_end, &sample, 1, features, &complete);
    if (!complete)
      continue;
    mfcc_compute(&front_end_mfcc, features, coefficients);
    if (fwrite(coefficients, 1, sizeof coefficients, stdout) !=
        sizeof coefficients)
      return 1;
  }
  return 0;
}
