/* Mel-frequency cepstral coefficients of log-mel features: equal, value by value, to microgen.Mfcc
 * in Python. Tables are in files that microgen.Mfcc(...).emit() writes. No RAM is kept. */
#ifndef MFCC_H
#define MFCC_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  uint16_t channels, coefficients;
  const int16_t* cosines; /* [coefficients, channels], 16384 is 1 */
} mfcc_tables;

/* features: [channels] of logmel_process, with its logarithm. coefficients: [coefficients]. */
void mfcc_compute(const mfcc_tables* tables, const uint16_t* features, int16_t* coefficients);

#ifdef __cplusplus
}
#endif
#endif
