// The pico-tflmicro library asks the Pico's SDK for a few functions; these stand in on a PC.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

void stdio_init_all(void);

#ifdef __cplusplus
}
#endif
