#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

uint32_t time_us_32(void);

#ifdef __cplusplus
}
#endif
