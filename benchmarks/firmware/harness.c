/* Runs a compiled model on inputs from in.bin, writes its outputs to out.bin,
 * and prints what the first inference took.
 *
 * Files and text go by semihosting. Cortex-M: with `-icount shift=6` an
 * instruction takes 64 ns, and the CMSDK timer ticks each 40 ns. RV32: the
 * instret counter. */
#include <stdint.h>
#include <stdio.h>

#include "model.h"
#include "sizes.h"

static void print_number(uint32_t v) {
  char digits[12];
  int i = 11;
  digits[i] = 0;
  do {
    digits[--i] = (char)('0' + v % 10);
    v /= 10;
  } while (v);
  emulator_print(" ");
  emulator_print(digits + i);
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
}
#endif

#ifdef MODEL_OBSERVE
static uint32_t spent[OPERATORS], since;
void MODEL_OBSERVE(unsigned op) {
  spent[op] = now() - since;
  since = now();
}
#endif

extern uint32_t stack_low[];
#define PAINT 0xc0defeedu

int main(void) {
  prepare();
  static const uint32_t in_bytes[] = IN_BYTES, out_bytes[] = OUT_BYTES;
  uint32_t first = 0, stack = 0;
  for (uint32_t runs = 0;; runs++) {
    model_reset();
    for (unsigned k = 0; k < MODEL_INPUTS; k++) {
      if (fread(model_input(k), 1, in_bytes[k], stdin) != in_bytes[k])
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
      fwrite(model_output(k), 1, out_bytes[k], stdout);
  }
done:
  emulator_print("inference");
  print_number(instructions(first));
  print_number(stack);
  emulator_print("\n");
#ifdef MODEL_OBSERVE
  for (unsigned i = 0; i < OPERATORS; i++) {
    emulator_print("operator");
    print_number(i);
    print_number(instructions(spent[i]));
    emulator_print("\n");
  }
#endif
  return 0;
}
