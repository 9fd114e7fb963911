// A second core that has done its work by the time it is launched.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void multicore_reset_core1(void);
void multicore_launch_core1(void (*entry)(void));
void multicore_fifo_push_blocking(uint32_t data);
uint32_t multicore_fifo_pop_blocking(void);

#ifdef __cplusplus
}
#endif
