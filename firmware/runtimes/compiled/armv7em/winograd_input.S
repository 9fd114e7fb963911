/* Transform of the input for winograd.inc, Armv7E-M with DSP. */
  .syntax unified
  .thumb

/* void mg_winograd_input(uint32_t *v, const int8_t *p, int32_t row, int32_t pixel, uint32_t fours, uint32_t *t);
 *
 * B^T d B of two tiles of 4x4 pixels that overlap by two columns: 4 rows, `row` bytes apart, of 6 pixels, `pixel` bytes
 * apart, of 4 fours channels.
 *   v       [16][fours][4] words, aligned to 4; fours <= 20: of each position and four channels tile 0 (0, 2), tile 0
 *           (1, 3), tile 1 (0, 2), tile 1 (1, 3).
 *   p       any alignment.
 *   t       scratch, 48 words, aligned to 4.
 * 280 instructions for the two tiles of four channels; stack 56 bytes. */
  .macro mg_wi_column at
  ldr r4, [r1]
  ldr r5, [r1, r2]
  ldr r6, [r1, r2, lsl #1]
  ldr r7, [r1, r3]
  add r1, r1, r0
  sxtb16 r8, r4
  sxtb16 r9, r5
  sxtb16 r10, r6
  sxtb16 r11, r7
  sxtb16 r4, r4, ror #8
  sxtb16 r5, r5, ror #8
  sxtb16 r6, r6, ror #8
  sxtb16 r7, r7, ror #8
  ssub16 r8, r8, r10
  ssub16 r4, r4, r6
  ssub16 r11, r9, r11
  ssub16 r7, r5, r7
  strd r8, r4, [lr, #\at]
  sadd16 r12, r9, r10
  ssub16 r10, r10, r9
  sadd16 r9, r5, r6
  ssub16 r6, r6, r5
  strd r12, r9, [lr, #\at + 48]
  strd r10, r6, [lr, #\at + 96]
  strd r11, r7, [lr, #\at + 144]
  .endm

/* Four positions of a row of v, from six columns; r2 is their distance in v. */
  .macro mg_wi_row at
  ldrd r4, r5, [lr, #\at]
  ldrd r6, r7, [lr, #\at + 8]
  ldrd r8, r9, [lr, #\at + 16]
  ldrd r10, r11, [lr, #\at + 24]
  ssub16 r4, r4, r8
  ssub16 r5, r5, r9
  strd r4, r5, [r0]
  sadd16 r4, r6, r8
  sadd16 r5, r7, r9
  ssub16 r3, r8, r6
  ssub16 r12, r9, r7
  ssub16 r6, r6, r10
  ssub16 r7, r7, r11
  add r1, r0, r2
  strd r4, r5, [r1]
  ldrd r4, r5, [lr, #\at + 32]
  ssub16 r8, r8, r4
  ssub16 r9, r9, r5
  strd r8, r9, [r0, #8]
  sadd16 r8, r10, r4
  sadd16 r9, r11, r5
  strd r8, r9, [r1, #8]
  add r1, r1, r2
  ldrd r8, r9, [lr, #\at + 40]
  ssub16 r4, r4, r10
  ssub16 r5, r5, r11
  strd r3, r12, [r1]
  strd r4, r5, [r1, #8]
  add r1, r1, r2
  ssub16 r10, r10, r8
  ssub16 r11, r11, r9
  strd r6, r7, [r1]
  strd r10, r11, [r1, #8]
  add r0, r1, r2
  .endm

  .section .text.mg_winograd_input, "ax", %progbits
  .global mg_winograd_input
  .type mg_winograd_input, %function
  .thumb_func
mg_winograd_input:
  push {r0-r11, lr}
  sub sp, #4
  ldrd r4, lr, [sp, #56]
  add r4, r1, r4, lsl #2
  str r4, [sp, #8]              /* where the first pixel ends */
.Lfour:
  ldrd r2, r0, [sp, #12]
  str r1, [sp]
  add r3, r2, r2, lsl #1
  mg_wi_column 0
  mg_wi_column 8
  mg_wi_column 16
  mg_wi_column 24
  mg_wi_column 32
  mg_wi_column 40
  ldr r0, [sp, #4]
  ldr r2, [sp, #56]
  lsl r2, r2, #4
  mg_wi_row 0
  mg_wi_row 48
  mg_wi_row 96
  mg_wi_row 144
  ldr r0, [sp, #4]
  adds r0, r0, #16
  str r0, [sp, #4]
  ldr r1, [sp]
  adds r1, r1, #4
  ldr r2, [sp, #8]
  cmp r1, r2
  bne .Lfour
  add sp, #20
  pop {r4-r11, pc}
  .size mg_winograd_input, . - mg_winograd_input
