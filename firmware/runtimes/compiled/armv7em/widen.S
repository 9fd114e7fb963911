/* Bytes to halfwords for the matrix kernels, Armv7E-M with DSP. */
  .syntax unified
  .thumb

/* void mg_widen3(uint32_t *d, const int8_t *const from[3], const int32_t down[3], uint32_t rows, uint32_t fours);
 *
 * Of `rows` rows of 4 fours bytes at each of three places, which are down[] bytes apart there: writes for each four bytes
 * the elements 0 and 2 of the three places, then 1 and 3; 6 words. Places may have any alignment; d is aligned to 4; rows
 * and fours are positive. 12 instructions for 12 bytes, and 11 per row; stack 48 bytes.
 *
 * mg_split3 writes halfwords for nibbles.inc: 256 e1 and 256 e3 of the three places, then e0 - 256 e1 - 128 and
 * e2 - 256 e3 - 128, which are the bytes with some bits inverted. */
  .macro mg_widen3_four split
  ldr r4, [r1], #4
  ldr r5, [r2], #4
  ldr r6, [r3], #4
  .if \split
  and r7, r4, #0xff00ff00
  and r8, r5, #0xff00ff00
  and r9, r6, #0xff00ff00
  stmia r0!, {r7-r9}
  eor r4, r4, r12
  eor r5, r5, r12
  eor r6, r6, r12
  .else
  sxtb16 r7, r4
  sxtb16 r8, r5
  sxtb16 r9, r6
  stmia r0!, {r7-r9}
  sxtb16 r4, r4, ror #8
  sxtb16 r5, r5, ror #8
  sxtb16 r6, r6, ror #8
  .endif
  stmia r0!, {r4-r6}
  .endm

  .macro mg_rows3 name, split
  .section .text.\name, "ax", %progbits
  .balign 4
  .global \name
  .type \name, %function
  .thumb_func
\name:
  push {r4-r11, lr}
  sub sp, #12
  mov r11, r3
  ldr r10, [sp, #48]
  .if \split
  mvn r12, #0x00ff00ff
  eor r12, r12, #0x00800080
  .endif
  ldm r2, {r4-r6}
  sub r4, r4, r10, lsl #2
  sub r5, r5, r10, lsl #2
  sub r6, r6, r10, lsl #2
  stm sp, {r4-r6}
  ldm r1, {r1-r3}
1:
  lsrs lr, r10, #1
  bcc 2f
  mg_widen3_four \split
  cmp lr, #0
  beq 4f
2:
  mg_widen3_four \split
  mg_widen3_four \split
  subs lr, lr, #1
  bne 2b
4:
  ldm sp, {r4-r6}
  add r1, r1, r4
  add r2, r2, r5
  add r3, r3, r6
  subs r11, r11, #1
  bne 1b
  add sp, #12
  pop {r4-r11, pc}
  .size \name, . - \name
  .endm

  mg_rows3 mg_widen3, 0
  mg_rows3 mg_split3, 1

/* void mg_widen1(void *d, const int8_t *p, uint32_t fours);
 *
 * Writes fours * 2 words: of each four bytes of p the elements 0 and 2, then 1 and 3. p may have any
 * alignment, d is aligned to 4; fours is positive. 5 instructions for 4 bytes; no stack. */
  .section .text.mg_widen1, "ax", %progbits
  .balign 4
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
  cmp r2, #0
  beq 2f
1:
  mg_widen1_four
  mg_widen1_four
  subs r2, r2, #1
  bne 1b
2:
  bx lr
  .size mg_widen1, . - mg_widen1

/* void mg_copy_rows(int8_t *d, const int8_t *s, int32_t d_row, int32_t s_row, int32_t rows, int32_t n);
 *
 * Copies n bytes of some rows, d_row and s_row bytes apart; rows and n are positive. 4 instructions for a word and for
 * each byte that is left over, 8 per row. */
  .section .text.mg_copy_rows, "ax", %progbits
  .balign 4
  .global mg_copy_rows
  .type mg_copy_rows, %function
  .thumb_func
mg_copy_rows:
  push {r4-r7, lr}
  ldrd r4, r5, [sp, #20]
  subs r2, r2, r5
  subs r3, r3, r5
1:
  subs r6, r5, #4
  blt 3f
2:
  ldr r7, [r1], #4
  str r7, [r0], #4
  subs r6, r6, #4
  bge 2b
3:
  adds r6, r6, #4
  beq 5f
4:
  ldrb r7, [r1], #1
  strb r7, [r0], #1
  subs r6, r6, #1
  bne 4b
5:
  add r0, r0, r2
  add r1, r1, r3
  subs r4, r4, #1
  bne 1b
  pop {r4-r7, pc}
  .size mg_copy_rows, . - mg_copy_rows
