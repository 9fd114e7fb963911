/* Sums and maxima over windows of an image, of four channels at a time, Armv7E-M with DSP. */
  .syntax unified
  .thumb

/* void mg_window_sum(const int8_t *p, int32_t pixel, int32_t row, uint32_t rows, uint32_t columns, int32_t sums[4]);
 *
 * Sums of bytes 0 to 3 of `columns` pixels, `pixel` bytes apart, of `rows` rows, `row` bytes apart; rows and columns are
 * positive, and at most 255 pixels in all. p may have any alignment. 5 instructions per pixel and 6 per row. */
  .section .text.mg_window_sum, "ax", %progbits
  .balign 4
  .global mg_window_sum
  .type mg_window_sum, %function
  .thumb_func
mg_window_sum:
  push {r4-r8, lr}
  ldrd r4, r5, [sp, #24]
  mls r2, r4, r1, r2            /* from the end of a row to the next */
  movs r6, #0
  movs r7, #0
  lsrs lr, r4, #1
1:
  mov r12, lr
  lsls r8, r4, #31
  bpl 2f
  ldr r8, [r0]
  add r0, r0, r1
  sxtab16 r6, r6, r8
  sxtab16 r7, r7, r8, ror #8
2:
  cmp r12, #0
  beq 4f
3:
  ldr r8, [r0]
  add r0, r0, r1
  sxtab16 r6, r6, r8
  sxtab16 r7, r7, r8, ror #8
  ldr r8, [r0]
  add r0, r0, r1
  sxtab16 r6, r6, r8
  sxtab16 r7, r7, r8, ror #8
  subs r12, r12, #1
  bne 3b
4:
  add r0, r0, r2
  subs r3, r3, #1
  bne 1b
  sxth r0, r6
  sxth r1, r7
  asr r2, r6, #16
  asr r3, r7, #16
  stm r5, {r0-r3}
  pop {r4-r8, pc}
  .size mg_window_sum, . - mg_window_sum

/* uint32_t mg_window_max(const int8_t *p, int32_t pixel, int32_t row, uint32_t rows, uint32_t columns);
 *
 * The same for maxima, of any number of pixels: four bytes. */
  .section .text.mg_window_max, "ax", %progbits
  .balign 4
  .global mg_window_max
  .type mg_window_max, %function
  .thumb_func
mg_window_max:
  push {r4-r6, lr}
  ldr r4, [sp, #16]
  mls r2, r4, r1, r2
  ldr r5, [r0]
1:
  mov r12, r4
2:
  ldr r6, [r0]
  add r0, r0, r1
  ssub8 lr, r5, r6
  sel r5, r5, r6
  subs r12, r12, #1
  bne 2b
  add r0, r0, r2
  subs r3, r3, #1
  bne 1b
  mov r0, r5
  pop {r4-r6, pc}
  .size mg_window_max, . - mg_window_max
