/* The parts that logmel.c puts together. */
#ifndef LOGMEL_PARTS_H
#define LOGMEL_PARTS_H

#include "logmel.h"

#define LOGMEL_INLINE static inline __attribute__((always_inline))

/* Turns [N] pairs of windowed samples, in the order of `places`, into the energies of bins 1 to N -
 * 1 of their real FFT. `shift`: how far the samples are shifted to the left first, so that 16 bits
 * are used. */
void logmel_energies(const logmel_tables* tables, uint32_t* spectrum, unsigned shift);

/* Turns [N] energies into [channels] features; `shift` is undone. */
void logmel_levels(const logmel_tables* tables, const uint32_t* energies, unsigned shift,
                   uint32_t* noise, uint16_t* features);

/* Returns how many bits a number has without leading zeros. */
LOGMEL_INLINE unsigned logmel_bits(uint32_t x) { return x ? 32u - (unsigned)__builtin_clz(x) : 0u; }

#endif
