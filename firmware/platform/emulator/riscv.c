/* RV32 on QEMU's machine `virt`: reset, traps, semihosting, and `minstret` as the counter of
 * instructions. */
#include "emulator.h"

#define REGISTER(address) (*(volatile uint32_t*)(uintptr_t)(address))
#define CLINT 0x02000000u
#define PLIC 0x0c000000u
#define WAIT_TICKS 200000u /* of mtime: 20 ms at 10 MHz */

__asm__(".option arch, +zicsr\n"); /* in -march it would leave GCC without libraries */

extern uint32_t emulator_data_load[], emulator_data_begin[], emulator_data_end[];
extern uint32_t emulator_bss_begin[], emulator_bss_end[];
extern void (*emulator_constructors_begin[])(void);
extern void (*emulator_constructors_end[])(void);

long emulator_semihost(long operation, const void* argument) {
  register long a0 __asm__("a0") = operation;
  register const void* a1 __asm__("a1") = argument;
  __asm__ volatile(
      ".option push\n.option norvc\n.balign 16\n"
      "slli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n"
      ".option pop"
      : "+r"(a0)
      : "r"(a1)
      : "memory");
  return a0;
}

__attribute__((naked, noinline)) void emulator_spin(__attribute__((unused)) uint32_t iterations) {
  __asm__ volatile(
      "1: addi a0, a0, -1\n"
      "bnez a0, 1b\n"
      "ret\n");
}

uint64_t emulator_ticks(void) {
  uint32_t high = 0, low = 0, again = 0;
  do {  // NOLINT(bugprone-infinite-loop): the instructions write all three
    __asm__ volatile("csrr %0, minstreth\ncsrr %1, minstret\ncsrr %2, minstreth"
                     : "=r"(high), "=r"(low), "=r"(again));
  } while (high != again);
  return (uint64_t)high << 32 | low;
}

/* A region below the stack that even machine mode may not touch: what overflows the stack faults.
 */
static void guard_stack(void) {
  const uint32_t guard = (uint32_t)(uintptr_t)emulator_stack_low - GUARD_BYTES;
  __asm__ volatile("csrw pmpaddr0, %0\ncsrw pmpcfg0, %1"
                   :
                   : "r"(guard >> 2 | (GUARD_BYTES / 8 - 1)), "r"(0x98));
}

void emulator_prepare(void) {
#ifdef __riscv_flen
  __asm__ volatile("csrs mstatus, %0" : : "r"(1u << 13)); /* FS: floats do not trap */
#endif
  guard_stack();
  REGISTER(PLIC + 4 * UART_IRQ) = 1; /* priority */
  REGISTER(PLIC + 0x2000) = 1u << UART_IRQ;
  REGISTER(PLIC + 0x200000) = 0;
  __asm__ volatile("csrs mie, %0" : : "r"(1u << 11 | 1u << 7));
}

/* Interrupts stay disabled: a pending one ends the sleep, and no trap is taken. */
void emulator_wait(void) {
  if (emulator_serial_ready()) return;
  const uint32_t claimed = REGISTER(PLIC + 0x200004);
  if (claimed) REGISTER(PLIC + 0x200004) = claimed;
  const uint32_t now = REGISTER(CLINT + 0xbff8);
  REGISTER(CLINT + 0x4004) = 0xffffffffu;
  REGISTER(CLINT + 0x4000) = now + WAIT_TICKS;
  REGISTER(CLINT + 0x4004) = REGISTER(CLINT + 0xbffc) + (now + WAIT_TICKS < now);
  __asm__ volatile("wfi");
}

/* `registers` has ra, gp, tp, t0 to t2, s0, s1, a0 to a7 as they were. */
__attribute__((used)) static void report_trap(const uint32_t* registers, uint32_t sp) {
  uint32_t cause, pc, value;
  __asm__ volatile("csrr %0, mcause\ncsrr %1, mepc\ncsrr %2, mtval"
                   : "=r"(cause), "=r"(pc), "=r"(value));
  static const char* const causes[] = {
      "jump to an unaligned address", "jump to a bad address",
      "undefined instruction",        "breakpoint",
      "unaligned access (load)",      "bad address (load)",
      "unaligned access (store)",     "bad address (store)",
  };
  const uint32_t low = (uint32_t)(uintptr_t)emulator_stack_low;
  const int overflow =
      sp < low + 64 || (cause >= 4 && cause < 8 && value < low && value >= low - GUARD_BYTES);
  emulator_fault_begin(overflow ? "stack overflow" : cause < 8 ? causes[cause] : "unexpected trap");
  static const char* const names[] = {"ra", "gp", "tp", "t0", "t1", "t2", "s0", "s1",
                                      "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7"};
  for (int i = 0; i < 16; ++i) emulator_log_hex(names[i], registers[i]);
  emulator_log_hex("pc", pc);
  emulator_log_hex("sp", sp);
  emulator_log_hex("cause", cause);
  emulator_log_hex("address", value);
  emulator_fault_end();
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

/* A trap is handled on a stack of its own, since the firmware's may be what failed. */
__asm__(
    ".section .vectors, \"ax\"\n"
    ".globl emulator_reset\n"
    "emulator_reset:\n"
    "  la sp, emulator_stack_top\n"
    "  la t0, emulator_trap\n"
    "  csrw mtvec, t0\n"
    "  la t0, emulator_fault_stack_top\n"
    "  csrw mscratch, t0\n"
    "  call emulator_start\n"
    ".balign 4\n"
    "emulator_trap:\n"
    "  csrrw sp, mscratch, sp\n"
    "  addi sp, sp, -64\n"
    "  sw ra, 0(sp)\n  sw gp, 4(sp)\n  sw tp, 8(sp)\n  sw t0, 12(sp)\n  sw t1, 16(sp)\n  sw t2, "
    "20(sp)\n"
    "  sw s0, 24(sp)\n  sw s1, 28(sp)\n  sw a0, 32(sp)\n  sw a1, 36(sp)\n  sw a2, 40(sp)\n  sw a3, "
    "44(sp)\n"
    "  sw a4, 48(sp)\n  sw a5, 52(sp)\n  sw a6, 56(sp)\n  sw a7, 60(sp)\n"
    "  mv a0, sp\n"
    "  csrr a1, mscratch\n"
    "  j report_trap\n"
    ".text\n");
