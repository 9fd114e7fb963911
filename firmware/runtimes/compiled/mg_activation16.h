/* The logistic function and tanh of 16-bit numbers, by interpolation in a table of
 * 65536 / (1 + exp(-i / 24)), as TFLM has them. */
#ifndef MG_ACTIVATION16_H
#define MG_ACTIVATION16_H

#include "mg_common.h"

MG_INLINE int32_t mg_scaled16(int32_t x, int32_t multiplier, int32_t shift) {
  return (x * multiplier + (shift > 0 ? 1 << (shift - 1) : 0)) >> shift;
}

MG_INLINE int16_t mg_logistic16(const uint16_t* table, int32_t x) {
  const uint32_t magnitude = (uint32_t)(x < 0 ? -x : x), high = magnitude >> 9;
  uint32_t y = 0x7fffu << 10;
  if (high < 255) {
    const uint32_t a = table[high], b = table[high + 1];
    y = (a << 9) + (magnitude & 0x1ff) * (b - a);
  }
  y = x >= 0 ? y + (1 << 9) : (1u << 25) - y + (1 << 9) - 1;
  return (int16_t)(y >> 10);
}

MG_INLINE int16_t mg_tanh16(const uint16_t* table, int32_t x) {
  const uint32_t magnitude = (uint32_t)(x < 0 ? -x : x), high = magnitude >> 8;
  int32_t y = 0xffff << 8;
  if (high < 255) {
    const uint32_t a = table[high], b = table[high + 1];
    y = (int32_t)((a << 8) + (magnitude & 0xff) * (b - a));
  }
  y = x >= 0 ? y - (1 << 23) + (1 << 7) : -y + (1 << 23) + (1 << 7) - 1;
  return (int16_t)(y >> 8);
}

#endif
