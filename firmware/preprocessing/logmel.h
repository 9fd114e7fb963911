/* Log-mel features of a stream of audio, in integers: equal, value by value, to microgen.LogMel in
 * Python, with any C11 compiler, flags and CPU.
 *
 *   16-bit samples -> windows (logmel.c) -> FFT, energies (logmel_fft.c) -> mel filters, square
 * root, noise reduction, PCAN, logarithm (logmel_levels.c) -> uint16_t features
 *
 * Tables and memory are in a pair of files that microgen.LogMel(...).emit() writes. There is no
 * heap, no floating point, and no global state. With windows of `window` samples and an FFT of 2 N
 * samples, a front end has 2 * window + 4 * N + 4 * channels + 20 bytes of RAM, 2,164 at 16 kHz, 30
 * ms and 40 channels. Right shifts of negative numbers are arithmetic, as with every compiler that
 * is supported. */
#ifndef LOGMEL_H
#define LOGMEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The constants of a front end; microgen/preprocessing/tables.py says what each is. */
typedef struct {
  uint16_t window, step; /* samples */
  uint16_t half;         /* N, a power of two from 8 to 4096 */
  uint16_t channels;
  uint16_t first_bin;
  int8_t level_shift;
  uint8_t snr_shift;
  uint8_t noise_reduction, pcan, log;            /* 1: on */
  uint16_t even_smoothing, odd_smoothing, floor; /* 16384 is 1 */
  const int16_t* coefficients;                   /* [window], 4096 is 1 */
  const uint16_t* places;                        /* [N] */
  const uint32_t* twiddles;                      /* [3 N / 4] pairs */
  const uint32_t* split;                         /* [N / 2] pairs */
  const uint16_t* widths;                        /* [channels + 1] */
  const uint16_t* weights;                       /* [sum of widths], 4096 is 1 */
  const int16_t* gains;                          /* [125]; none without pcan */
} logmel_tables;

/* A front end. Its memory is its own between calls. */
typedef struct {
  const logmel_tables* tables;
  int16_t* history;   /* [window] samples that were heard */
  uint32_t* spectrum; /* [N] */
  uint32_t* noise;    /* [channels] estimate of noise; none without noise_reduction and pcan */
  size_t heard;       /* samples in history */
} logmel;

/* Forgets what was heard. */
void logmel_reset(logmel* front);

/* Takes samples, at most as many as complete a frame, and returns how many it took.
 *
 * samples: [count], 16 bits, at the tables' sample rate.
 * features: [channels], written when a frame is complete: 64 ln(x) from 0 to about 1,000, or
 * amplitudes up to 65535 where the logarithm is off. complete: whether one is. Call again with the
 * rest of the samples. */
size_t logmel_process(logmel* front, const int16_t* samples, size_t count, uint16_t* features,
                      bool* complete);

#ifdef __cplusplus
}
#endif
#endif
