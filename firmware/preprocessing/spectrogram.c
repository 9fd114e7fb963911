#include "spectrogram.h"

void spectrogram_compute(const spectrogram_tables* tables, const uint16_t* features,
                         int16_t* levels) {
  for (unsigned i = 0; i < tables->channels; i++) {
    levels[i] = (int16_t)(features[i] + tables->offsets[i]);
  }
}
