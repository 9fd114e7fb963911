// What the firmware asks of what it runs on: one serial port, a clock, a pause. Each folder beside
// this file implements these functions for one platform, and calls the application's setup() once
// and its loop() over and over, as Arduino does.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Opens the serial port. Call it once, before the other functions. It may wait a few seconds for a
// PC to open a USB port, but not for ever.
void platform_begin(void);

// Writes all `n` bytes to the serial port, waiting for room where it must.
void platform_write(const uint8_t* bytes, size_t n);

// Takes up to `n` received bytes; returns how many, 0 when none have arrived. Never waits. Call it
// in every loop(): a platform whose own clock wraps around follows it here.
size_t platform_read(uint8_t* bytes, size_t n);

// Microseconds since the start; does not wrap around.
uint64_t platform_micros(void);

// Waits for `ms` milliseconds, in which other tasks may run.
void platform_delay_ms(uint32_t ms);

#ifdef __cplusplus
}
#endif
