/* Instructions and time, from a counter whose rate is measured at the start.
 *
 * With `-icount shift=N` each instruction takes 2^N ns of the emulator's time, so a timer counts
 * instructions; how many ticks one takes depends on machine and shift. A loop of known length
 * tells: its ticks per thousand instructions are a whole number on every machine. N is large enough
 * for more than two ticks per instruction, so that a difference of two readings, which may be off
 * by less than a tick, gives the exact number.
 *
 * Time is the time that the board is estimated to take: instructions times
 * PICOSECONDS_PER_INSTRUCTION. */
#include "emulator.h"

#define SHORT_LOOP 1000u
#define LONG_LOOP 501000u /* a million instructions more */

static uint64_t g_ticks_per_thousand;
static uint64_t g_hidden; /* ticks */
static uint64_t g_skipped_us;

/* Neither inlined nor cloned: what it executes besides the loop must not depend on the argument. */
__attribute__((noinline, noclone)) static uint64_t spin_ticks(uint32_t iterations) {
  const uint64_t start = emulator_ticks();
  emulator_spin(iterations);
  return emulator_ticks() - start;
}

void emulator_calibrate(void) {
  (void)spin_ticks(SHORT_LOOP);
  const uint64_t shorter = spin_ticks(SHORT_LOOP);
  const uint64_t ticks = spin_ticks(LONG_LOOP) - shorter;
  g_ticks_per_thousand = (ticks + 500) / 1000;
  const uint64_t exact = 1000 * g_ticks_per_thousand;
  if (g_ticks_per_thousand < 2000 || (ticks > exact ? ticks - exact : exact - ticks) > 2) {
    emulator_log("fault: the timer does not follow the instructions (no -icount?)\n");
    emulator_exit(4);
  }
}

uint64_t emulator_instructions_of(uint64_t ticks) {
  return (ticks * 1000 + g_ticks_per_thousand / 2) / g_ticks_per_thousand;
}

uint64_t emulator_micros(void) {
  /* In two steps: picoseconds of an hour do not fit 64 bits times a thousand. */
  const uint64_t instructions = emulator_instructions_of(emulator_ticks() - g_hidden);
  return g_skipped_us + instructions / 1000000 * PICOSECONDS_PER_INSTRUCTION +
         instructions % 1000000 * PICOSECONDS_PER_INSTRUCTION / 1000000;
}

void emulator_hide_ticks(uint64_t ticks) { g_hidden += ticks; }

void emulator_skip_micros(uint64_t us) { g_skipped_us += us; }
