/* Levels of log-mel channels, each divided by its width: equal, value by value, to
 * microgen.Spectrogram in Python. Tables are in files that microgen.Spectrogram(...).emit() writes.
 * No RAM is kept. */
#ifndef SPECTROGRAM_H
#define SPECTROGRAM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  uint16_t channels;
  const int16_t* offsets; /* [channels] */
} spectrogram_tables;

/* features: [channels] of logmel_process, with its logarithm. levels: [channels]; 7.368 is a
 * decibel. */
void spectrogram_compute(const spectrogram_tables* tables, const uint16_t* features,
                         int16_t* levels);

#ifdef __cplusplus
}
#endif
#endif
