// What an application asks of a sensor: values that come on their own. One driver beside platform.h
// implements it; boards/ says which one a board has.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Takes values as they come, called from an interrupt or another task: samples of a microphone; of
// several axes, the values of one moment side by side, and all of them at once.
typedef void (*sensor_callback)(const int16_t* values, size_t count);

// Starts the sensor. `rate_hz`: how often it measures. Returns a null pointer, or why it does not
// run.
const char* sensor_begin(uint32_t rate_hz, sensor_callback on_values);

// Call it in every loop(): a sensor that no interrupt serves is read here.
void sensor_poll(void);

#ifdef MICROGEN_HOST
// Tells `microgen simulate` what the application made of its values. `position`: of how many
// moments.
void sensor_trace(const char* what, uint32_t position, const void* bytes, size_t n);
#endif

#ifdef __cplusplus
}
#endif
