// What an application asks of a sensor: values that come on their own. One driver beside platform.h
// implements it; boards/ says which one a board has.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Takes values as they come, called from an interrupt or another task. Of a microphone: 16-bit
// samples. Of a motion sensor: all axes of a moment side by side, x, y and z of the acceleration,
// 4096 is 1 g, then of the rotation, 16 is 1 degree a second. Of a camera: a row of an image at a
// time, its number first, then its pixels in RGB565.
typedef void (*sensor_callback)(const int16_t* values, size_t count);

// Starts the sensor. `rate_hz`: how often it measures; `axes`: values of a moment. Returns a null
// pointer, or why it does not run.
const char* sensor_begin(uint32_t rate_hz, unsigned axes, sensor_callback on_values);

// Call it in every loop(): a sensor that no interrupt serves is read here, one moment at a time.
void sensor_poll(void);

// Moments that were not measured, because sensor_poll() was called too late; wraps around.
uint32_t sensor_missed(void);

#ifdef MICROGEN_HOST
// Tells `microgen simulate` what the application made of its values. `position`: of how many
// moments.
void sensor_trace(const char* what, uint32_t position, const void* bytes, size_t n);
#endif

#ifdef __cplusplus
}
#endif
