/* What the parts of the emulated board offer each other. One file per peripheral and one per
 * architecture implement it; boards/cpus/ names those that a CPU takes and gives their addresses as
 * macros. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Architecture (arm.c, riscv.c). */

/* A free-running counter that follows the number of executed instructions; see clock.c. */
uint64_t emulator_ticks(void);

/* Executes exactly 2 * `iterations` instructions, call and return not counted. */
void emulator_spin(uint32_t iterations);

/* Sleeps until the UART has received something, at most 20 ms; not at all where `serial.c` has
 * something. */
void emulator_wait(void);

/* Calls the host by semihosting: SYS_WRITE0 and the like. */
long emulator_semihost(long operation, const void* argument);

/* Prepares counter, sleep and faults. Called once, before the UART is opened. */
void emulator_prepare(void);

/* UART (uart_cmsdk.c, uart_ns16550.c, uart_nrf51.c). */

void emulator_uart_open(void);
int emulator_uart_read(void); /* the next byte, -1: none */
int emulator_uart_ready(void);
void emulator_uart_write(uint8_t byte);

/* Serial port (serial.c). */

void emulator_serial_open(void);
int emulator_serial_read(void); /* the next byte, -1: none */
int emulator_serial_ready(void);
void emulator_serial_end(void); /* ends the emulator if all was taken and nothing follows */

/* Sensor (sensor.cc). */

/* Hands on what is due by now; 0: there is no sensor. Ends the emulator after the last value. */
int emulator_sensor_next(void);

/* Log (log.c): text for the program that started the emulator; it does not go over the UART. */

void emulator_log(const char* text);
void emulator_log_unsigned(uint64_t value);
void emulator_log_hex(const char* name, uint32_t value);
void emulator_exit(int code) __attribute__((noreturn));

/* Reports a fault by its name and the registers that the architecture logged, and ends the
 * emulator. */
void emulator_fault_begin(const char* name);
void emulator_fault_end(void) __attribute__((noreturn));

/* Clock (clock.c). */

void emulator_calibrate(void);
uint64_t emulator_instructions_of(uint64_t ticks);
uint64_t emulator_micros(void);
void emulator_hide_ticks(uint64_t ticks); /* takes them out of emulator_micros() */
void emulator_skip_micros(uint64_t us);   /* puts emulator_micros() forward */

/* What the linker script places. */
extern uint32_t emulator_stack_low[], emulator_stack_top[];

/* Painted stack: what lost its paint was in use. */

#define EMULATOR_PAINT 0xC0DEFEEDu

static inline uint32_t* emulator_stack_pointer(void) {
  uint32_t* sp;
#if defined(__arm__)
  __asm__ volatile("mov %0, sp" : "=r"(sp));
#else
  __asm__ volatile("mv %0, sp" : "=r"(sp));
#endif
  return sp;
}

/* Paints all below the caller's frame; inline, because a frame of its own would be painted too. */
__attribute__((always_inline)) static inline void emulator_paint_stack(void) {
  uint32_t* const end = emulator_stack_pointer();
  for (uint32_t* p = emulator_stack_low; p < end; ++p) *(volatile uint32_t*)p = EMULATOR_PAINT;
}

/* Bytes between the stack's top and `p`, or the lowest word that lost its paint. */
static inline uint32_t emulator_stack_bytes(const uint32_t* p) {
  return (uint32_t)((const char*)emulator_stack_top - (const char*)p);
}
static inline uint32_t emulator_stack_depth(void) {
  const uint32_t* p = emulator_stack_low;
  while (p < emulator_stack_top && *p == EMULATOR_PAINT) ++p;
  return emulator_stack_bytes(p);
}

/* Runs the firmware; the reset code of an architecture calls it once memory is set up. */
void emulator_main(void) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif
