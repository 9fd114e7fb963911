/* Fully connected layers whose weights are indices into one book of sixteen values, Armv7E-M with DSP: see pairs.inc. */
  .syntax unified
  .thumb

/* void mg_pairs2(const int8_t *x, const uint8_t *w, const int8_t *x_end, const int32_t *table, int32_t sums[2]);
 *
 * Makes the sums of a pair of channels for a row x, from any place to x_end. 17 instructions for 8 multiplications; stack
 * 28 bytes. */
  .macro mg_pairs2_half x
  ldrb r6, [r1], #1
  ldrb r7, [r1], #1
  ldr r6, [r3, r6, lsl #2]
  ldr r7, [r3, r7, lsl #2]
  smlad r8, \x, r6, r8
  smlad r9, \x, r7, r9
  .endm

  .section .text.mg_pairs2, "ax", %progbits
  .balign 4
  .global mg_pairs2
  .type mg_pairs2, %function
  .thumb_func
mg_pairs2:
  push {r4-r9, lr}
  mov r8, #0
  mov r9, #0
1:
  ldr r4, [r0], #4
  sxtb16 r5, r4
  sxtb16 r4, r4, ror #8
  mg_pairs2_half r5
  mg_pairs2_half r4
  cmp r0, r2
  bne 1b
  ldr r4, [sp, #28]
  strd r8, r9, [r4]
  pop {r4-r9, pc}
  .size mg_pairs2, . - mg_pairs2
