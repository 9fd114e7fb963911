/* Runs a compiled model on inputs from in.bin, writes its outputs to out.bin,
 * and prints what the first inference took.
 *
 * Files and text go by semihosting. Cortex-M: with `-icount shift=6` an
 * instruction takes 64 ns, and the CMSDK timer ticks each 40 ns. RV32: the
 * instret counter. */
#include <stdint.h>

#include "model.h"
#include "sizes.h"

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

static long transfer(long operation, long file, const void *bytes, long n) {
  const void *arguments[3] = {(void *)file, bytes, (void *)n};
  return semihost(operation, arguments);
}

static void print(const char *text) { semihost(0x04, text); }

static void print_number(uint32_t v) {
  char digits[12];
  int i = 11;
  digits[i] = 0;
  do {
    digits[--i] = (char)('0' + v % 10);
    v /= 10;
  } while (v);
  print(" ");
  print(digits + i);
}

static uint32_t *stack_pointer(void) {
  uint32_t *sp;
#if defined(__arm__)
  __asm__ volatile("mov %0, sp" : "=r"(sp));
#else
  __asm__ volatile("mv %0, sp" : "=r"(sp));
#endif
  return sp;
}

static void end(void) {
  semihost(0x18, (void *)0x20026);
  for (;;) {
  }
}

#if defined(__riscv)
static uint32_t now(void) {
  uint32_t v;
  __asm__ volatile(
      ".option push\n.option arch, +zicsr\ncsrr %0, minstret\n.option pop"
      : "=r"(v));
  return v;
}
static uint32_t instructions(uint32_t ticks) { return ticks; }
static void prepare(void) {}
#else
#define REGISTER(a) (*(volatile uint32_t *)(a))
static uint32_t now(void) { return 0xffffffffu - REGISTER(0x40000004); }
static uint32_t instructions(uint32_t ticks) {
  return (uint32_t)((uint64_t)ticks * 5 / 8);
}
static void prepare(void) {
  REGISTER(0x40000000) = 0;
  REGISTER(0x40000008) = REGISTER(0x40000004) = 0xffffffffu;
  REGISTER(0x40000000) = 1;
  REGISTER(0xe000ed88) |= 0xf00000; /* the FPU, where there is one */
#if defined(__ARM_ARCH_6M__)
  REGISTER(0xe000ed14) |= 8; /* unaligned accesses fault, as on the real core */
#endif
}
#endif

#ifdef MODEL_OBSERVE
static uint32_t spent[OPERATORS], since;
void MODEL_OBSERVE(unsigned op) {
  spent[op] = now() - since;
  since = now();
}
#endif

extern uint32_t stack_top[], stack_low[];
#define PAINT 0xc0defeedu

int main(void) {
  prepare();
  static const uint32_t in_bytes[] = IN_BYTES, out_bytes[] = OUT_BYTES;
  const long in = open_file("in.bin", 6, 1), out = open_file("out.bin", 7, 5);
  uint32_t first = 0, stack = 0;
  for (uint32_t runs = 0;; runs++) {
    model_reset();
    for (unsigned k = 0; k < MODEL_INPUTS; k++) {
      if (transfer(0x06, in, model_input(k), (long)in_bytes[k]))
        goto done;
    }
    uint32_t *const here = stack_pointer();
    for (uint32_t *p = stack_low; p < here; p++)
      *(volatile uint32_t *)p = PAINT;
    const uint32_t start = now();
#ifdef MODEL_OBSERVE
    since = start;
#endif
    model_invoke();
    if (!runs) {
      first = now() - start;
      uint32_t *p = stack_low;
      while (p < here && *p == PAINT)
        p++;
      stack = (uint32_t)((char *)here - (char *)p);
    }
    for (unsigned k = 0; k < MODEL_OUTPUTS; k++)
      transfer(0x05, out, model_output(k), (long)out_bytes[k]);
  }
done:
  print("inference");
  print_number(instructions(first));
  print_number(stack);
  print("\n");
#ifdef MODEL_OBSERVE
  for (unsigned i = 0; i < OPERATORS; i++) {
    print("operator");
    print_number(i);
    print_number(instructions(spent[i]));
    print("\n");
  }
#endif
  end();
}

extern uint32_t bss_start[], bss_end[], data_start[], data_end[], data_load[];
__attribute__((used, noreturn)) void start(void) {
  for (uint32_t *p = bss_start; p < bss_end; p++)
    *p = 0;
  for (uint32_t *p = data_start, *q = data_load; p < data_end;)
    *p++ = *q++;
  main();
  for (;;) {
  }
}

#if defined(__arm__)
static void fault(void) {
  print("fault\n");
  end();
}
__attribute__((section(".vectors"), used)) void *const vectors[16] = {
    stack_top,     (void *)start, (void *)fault, (void *)fault,
    (void *)fault, (void *)fault, (void *)fault};
#else
__asm__(".section .vectors,\"ax\"\n.globl _start\n_start: la sp, stack_top\n j "
        "start\n");
#endif
