#include "hardware/timer.h"
#include "pico/multicore.h"
#include "pico/stdlib.h"
#include "platform.h"

namespace {

uint32_t g_fifo = 0;  // the library never has more than one word in it

}  // namespace

void stdio_init_all(void) {}

void multicore_reset_core1(void) {}
void multicore_launch_core1(void (*entry)(void)) { entry(); }
void multicore_fifo_push_blocking(uint32_t data) { g_fifo = data; }
uint32_t multicore_fifo_pop_blocking(void) { return g_fifo; }

uint32_t time_us_32(void) { return static_cast<uint32_t>(platform_micros()); }
