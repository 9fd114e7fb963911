/* Cortex-M: reset, faults, semihosting, and the CMSDK timer (or the nRF51's) as the counter of
 * instructions. */
#include "emulator.h"

#define REGISTER(address) (*(volatile uint32_t*)(uintptr_t)(address))
#define SYSTICK_CONTROL REGISTER(0xE000E010)
#define SYSTICK_RELOAD REGISTER(0xE000E014)
#define SYSTICK_VALUE REGISTER(0xE000E018)
#define NVIC_ENABLE REGISTER(0xE000E100 + 4 * (UART_IRQ / 32))
#define NVIC_UNPEND REGISTER(0xE000E280 + 4 * (UART_IRQ / 32))
#define INTERRUPT_CONTROL REGISTER(0xE000ED04)
#define CONFIGURATION REGISTER(0xE000ED14)
#define SYSTEM_HANDLERS REGISTER(0xE000ED24)
#define FAULT_STATUS REGISTER(0xE000ED28)
#define FAULT_ADDRESS REGISTER(0xE000ED38)
#define COPROCESSORS REGISTER(0xE000ED88)
#define MPU_CONTROL REGISTER(0xE000ED94)
#define MPU_REGION REGISTER(0xE000ED98)
#define MPU_BASE REGISTER(0xE000ED9C)
#define MPU_SIZE REGISTER(0xE000EDA0)

#define WAIT_TICKS 500000u /* of SysTick: 20 ms at 25 MHz */

extern uint32_t emulator_data_load[], emulator_data_begin[], emulator_data_end[];
extern uint32_t emulator_bss_begin[], emulator_bss_end[], emulator_fault_stack_top[];
extern void (*emulator_constructors_begin[])(void);
extern void (*emulator_constructors_end[])(void);

void emulator_reset(void);

long emulator_semihost(long operation, const void* argument) {
  register long r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

__attribute__((naked, noinline)) void emulator_spin(__attribute__((unused)) uint32_t iterations) {
  __asm__ volatile(
      ".syntax unified\n"
      "1: subs r0, r0, #1\n"
      "bne 1b\n"
      "bx lr\n");
}

#if defined(TIMER_NRF51)
static uint32_t read_timer(void) {
  REGISTER(TIMER_ADDRESS + 0x40) = 1;
  return REGISTER(TIMER_ADDRESS + 0x540);
}
static void start_timer(void) {
  REGISTER(TIMER_ADDRESS + 0x508) = 3; /* 32 bits */
  REGISTER(TIMER_ADDRESS + 0x510) = 0; /* 16 MHz */
  REGISTER(TIMER_ADDRESS) = 1;
}
#else
static uint32_t read_timer(void) { return 0xffffffffu - REGISTER(TIMER_ADDRESS + 4); }
static void start_timer(void) {
  REGISTER(TIMER_ADDRESS + 8) = 0xffffffffu;
  REGISTER(TIMER_ADDRESS + 4) = 0xffffffffu;
  REGISTER(TIMER_ADDRESS) = 1;
}
#endif

uint64_t emulator_ticks(void) {
  static uint64_t ticks;
  ticks += read_timer() - (uint32_t)ticks;
  return ticks;
}

void emulator_prepare(void) {
#if defined(__ARM_FP)
  COPROCESSORS |= 0xFu << 20;
  __asm__ volatile("dsb\nisb");
#endif
#if defined(UNALIGNED_TRAP)
  CONFIGURATION |= 1u << 3;
#endif
#if !defined(__ARM_ARCH_6M__) || defined(UNALIGNED_TRAP)
  SYSTEM_HANDLERS |= 7u << 16; /* usage, bus and memory faults have handlers of their own */
#endif
#if defined(GUARD_BITS)
  /* Nothing may touch the 2^GUARD_BITS bytes below the stack. QEMU lets some machines read and
   * write where they have no memory. */
  MPU_REGION = 0;
  MPU_BASE = (uint32_t)(uintptr_t)emulator_stack_low - (1u << GUARD_BITS);
  MPU_SIZE = 1u << 28 | (GUARD_BITS - 1) << 1 | 1;
  MPU_CONTROL = 4 | 1; /* the rest as without it */
  __asm__ volatile("dsb\nisb");
#endif
  start_timer();
  SYSTICK_RELOAD = WAIT_TICKS;
  SYSTICK_VALUE = 0;
  SYSTICK_CONTROL = 7;
  NVIC_ENABLE = 1u << (UART_IRQ % 32);
}

/* All interrupts stay masked: a pending one ends the sleep, and no handler runs. */
void emulator_wait(void) {
  NVIC_UNPEND = 1u << (UART_IRQ % 32);
  INTERRUPT_CONTROL = 1u << 25; /* SysTick */
  if (!emulator_serial_ready()) __asm__ volatile("wfi");
}

/* `frame` is what the CPU stacked: r0 to r3, r12, lr, pc, xpsr. */
__attribute__((used)) static void report_fault(const uint32_t* frame, uint32_t exception) {
  const uint32_t at = (uint32_t)(uintptr_t)frame;
  const uint32_t low = (uint32_t)(uintptr_t)emulator_stack_low;
  const uint32_t top = (uint32_t)(uintptr_t)emulator_stack_top;
#if defined(__ARM_ARCH_6M__) && !defined(UNALIGNED_TRAP)
  const uint32_t status = 0, address = 0; /* Armv6-M does not say */
  const char* name = "HardFault (unaligned access, undefined instruction, bad address)";
#else
  const uint32_t status = FAULT_STATUS, address = FAULT_ADDRESS;
  const char* name = status & 1u << 24                ? "unaligned access"
                     : status & 1u << 16              ? "undefined instruction"
                     : status & 1u << 25              ? "division by zero"
                     : status & 0xff00u               ? "bad address (bus fault)"
                     : status & 0xffu                 ? "bad address"
                     : status & (1u << 17 | 1u << 18) ? "jump to a bad address"
                     : exception == 3                 ? "HardFault"
                                                      : "unexpected exception";
#endif
  const int stacked = at >= low && at <= top - 32;
  emulator_fault_begin(at < low + 64 ? "stack overflow" : name);
  if (stacked) {
    static const char* const names[] = {"r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr"};
    for (int i = 0; i < 8; ++i) emulator_log_hex(names[i], frame[i]);
  }
  emulator_log_hex("sp", at);
  emulator_log_hex("exception", exception);
  emulator_log_hex("status", status);
  emulator_log_hex("address", address);
  emulator_fault_end();
}

__attribute__((naked)) static void fault(void) {
  __asm__ volatile(
      ".syntax unified\n"
      "mov r2, lr\n"
      "movs r3, #4\n"
      "mrs r0, msp\n"
      "tst r2, r3\n"
      "beq 1f\n"
      "mrs r0, psp\n"
      "1: mrs r1, ipsr\n"
      "b report_fault\n");
}

/* The firmware runs on the process stack, so that a fault of that stack still has one to be handled
 * on. */
__attribute__((naked, noreturn)) void emulator_reset(void) {
  __asm__ volatile(
      ".syntax unified\n"
      "cpsid i\n"
      "ldr r0, =emulator_stack_top\n"
      "msr psp, r0\n"
      "movs r0, #2\n"
      "msr control, r0\n"
      "isb\n"
      "bl emulator_start\n");
}

__attribute__((used, noreturn)) void emulator_start(void) {
  const uint32_t* from = emulator_data_load;
  for (uint32_t* p = emulator_data_begin; p < emulator_data_end;) *p++ = *from++;
  for (uint32_t* p = emulator_bss_begin; p < emulator_bss_end;) *p++ = 0;
  emulator_paint_stack();
  emulator_prepare();
  for (void (**c)(void) = emulator_constructors_begin; c < emulator_constructors_end; ++c) (*c)();
  emulator_main();
}

__attribute__((section(".vectors"), used)) static const void* const vectors[16] = {
    emulator_fault_stack_top,
    (void*)emulator_reset,
    (void*)fault,
    (void*)fault,
    (void*)fault,
    (void*)fault,
    (void*)fault,
    (void*)fault,
    0,
    0,
    0,
    (void*)fault,
    (void*)fault,
    0,
    (void*)fault,
    (void*)fault,
};
