#include "mfcc.h"

#define COSINE_BITS 14

void mfcc_compute(const mfcc_tables* tables, const uint16_t* features, int16_t* coefficients) {
  const int16_t* cosine = tables->cosines;
  for (unsigned k = 0; k < tables->coefficients; k++) {
    int32_t sum = 1 << (COSINE_BITS - 1);
    for (unsigned i = 0; i < tables->channels; i++) sum += features[i] * *cosine++;
    coefficients[k] = (int16_t)(sum >> COSINE_BITS);
  }
}
