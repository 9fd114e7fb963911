/* Bytes to halfwords for the matrix kernels, Armv7E-M with DSP. */
  .syntax unified
  .thumb

/* uint32_t *mg_widen3(uint32_t *d, const int8_t *p, const int8_t *q, const int8_t *r, uint32_t fours);
 *
 * Writes fours * 6 words: of each four bytes of p, q, r the elements 0 and 2 of the three, then 1 and 3. Sources may have
 * any alignment; d is aligned to 4. Returns the end of d. 12 instructions for 12 bytes. */
  .section .text.mg_widen3, "ax", %progbits
  .global mg_widen3
  .type mg_widen3, %function
  .thumb_func
mg_widen3:
  push {r4-r9, lr}
  ldr lr, [sp, #28]
  .macro mg_widen3_four
  ldr r4, [r1], #4
  ldr r5, [r2], #4
  ldr r6, [r3], #4
  sxtb16 r7, r4
  sxtb16 r8, r5
  sxtb16 r9, r6
  stmia r0!, {r7-r9}
  sxtb16 r4, r4, ror #8
  sxtb16 r5, r5, ror #8
  sxtb16 r6, r6, ror #8
  stmia r0!, {r4-r6}
  .endm
  lsrs lr, lr, #1
  bcc 1f
  mg_widen3_four
1:
  cmp lr, #0
  beq 3f
2:
  mg_widen3_four
  mg_widen3_four
  subs lr, lr, #1
  bne 2b
3:
  pop {r4-r9, pc}
  .size mg_widen3, . - mg_widen3

/* uint32_t *mg_widen1(uint32_t *d, const int8_t *p, uint32_t fours);
 *
 * Writes fours * 2 words: of each four bytes of p the elements 0 and 2, then 1 and 3. Returns the end of d. fours > 0. */
  .section .text.mg_widen1, "ax", %progbits
  .global mg_widen1
  .type mg_widen1, %function
  .thumb_func
mg_widen1:
  .macro mg_widen1_four
  ldr r3, [r1], #4
  sxtb16 r12, r3
  sxtb16 r3, r3, ror #8
  strd r12, r3, [r0], #8
  .endm
  lsrs r2, r2, #1
  bcc 1f
  mg_widen1_four
1:
  cmp r2, #0
  beq 3f
2:
  mg_widen1_four
  mg_widen1_four
  subs r2, r2, #1
  bne 2b
3:
  bx lr
  .size mg_widen1, . - mg_widen1
