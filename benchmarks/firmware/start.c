/* Reset, faults, files and text of a program in QEMU, by semihosting. */
#include <stdint.h>

#include "stdio.h"

FILE emulator_files[2];
int main(void);

static long semihost(long operation, const void *argument) {
#if defined(__arm__)
  register long r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
#else
  register long r0 __asm__("a0") = operation;
  register const void *r1 __asm__("a1") = argument;
  __asm__ volatile(".option push\n.option norvc\n.balign 16\nslli x0, x0, "
                   "0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
                   : "+r"(r0)
                   : "r"(r1)
                   : "memory");
#endif
  return r0;
}

static long open_file(const char *name, long length, long mode) {
  const void *arguments[3] = {name, (void *)mode, (void *)length};
  return semihost(0x01, arguments);
}

/* SYS_READ and SYS_WRITE return how many bytes they left. */
static size_t transfer(long operation, FILE file, const void *p, size_t n) {
  const void *arguments[3] = {(void *)file, p, (void *)n};
  return n ? n - (size_t)semihost(operation, arguments) : 0;
}

size_t fread(void *p, size_t size, size_t n, FILE *file) {
  return transfer(0x06, *file, p, size * n);
}
size_t fwrite(const void *p, size_t size, size_t n, FILE *file) {
  return transfer(0x05, *file, p, size * n);
}
void emulator_print(const char *text) { semihost(0x04, text); }
void perror(const char *text) { emulator_print(text); }

static void end(int failed) {
  semihost(0x18, (void *)(uintptr_t)(failed ? 0x20023 : 0x20026));
  for (;;) {
  }
}

extern uint32_t bss_start[], bss_end[], data_start[], data_end[], data_load[];
__attribute__((used, noreturn)) void start(void) {
  for (uint32_t *p = bss_start; p < bss_end; p++)
    *p = 0;
  for (uint32_t *p = data_start, *q = data_load; p < data_end;)
    *p++ = *q++;
#if defined(__arm__)
  *(volatile uint32_t *)0xe000ed88 |=
      0xf00000; /* the FPU, where there is one */
#if defined(__ARM_ARCH_6M__)
  *(volatile uint32_t *)0xe000ed14 |=
      8; /* unaligned accesses fault, as on the real core */
#endif
#endif
  emulator_files[0] = open_file("in.bin", 6, 1);
  emulator_files[1] = open_file("out.bin", 7, 5);
  end(main());
  for (;;) {
  }
}

#if defined(__arm__)
extern uint32_t stack_top[];
static void fault(void) {
  perror("fault\n");
  end(1);
}
__attribute__((section(".vectors"), used)) void *const vectors[16] = {
    stack_top,     (void *)start, (void *)fault, (void *)fault,
    (void *)fault, (void *)fault, (void *)fault};
#else
__asm__(".section .vectors,\"ax\"\n.globl _start\n_start: la sp, stack_top\n j "
        "start\n");
#endif
