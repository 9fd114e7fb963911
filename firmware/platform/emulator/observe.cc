// Counts the instructions and the stack of each inference. The linker puts these functions between
// the firmware and its model (`--wrap`), and the compiled runtime calls emulator_observe() after
// each operator (MODEL_OBSERVE).
//
// An inference is one line of the log:
//   inference INSTRUCTIONS STACK FIRMWARE_STACK [OPERATOR:INSTRUCTIONS]...
// The instructions are those of model::Invoke(), the call included and this file's left out; STACK
// is the bytes that it took, FIRMWARE_STACK those that the firmware took in all so far.
#include "emulator.h"
#include "model_runner.h"

#ifndef MODEL_OPERATORS
#define MODEL_OPERATORS 1
#endif

extern "C" {
model::Status __real__ZN5model6InvokeEv();
model::Status __wrap__ZN5model6InvokeEv();
model::Status __real__ZN5model4InitEPFvvE(void (*keep_alive)());
model::Status __wrap__ZN5model4InitEPFvvE(void (*keep_alive)());
void emulator_observe(unsigned op);
}

namespace {

struct Mark {
  unsigned op;
  uint64_t ticks;  // at its end
};
Mark g_marks[MODEL_OPERATORS];
unsigned g_count = 0;  // calls of emulator_observe(), which may be more than marks
uint32_t g_deepest = 0;

uint64_t g_begin;
uint64_t g_end;
uint64_t g_around = 0;  // instructions that an inference of nothing takes
uint64_t g_hook = 0;    // and those between two marks with nothing in between

__attribute__((noinline)) model::Status Nothing() { return model::Status::kOk; }

__attribute__((noinline)) model::Status Timed(model::Status (*function)()) {
  g_count = 0;
  g_begin = emulator_ticks();
  const model::Status status = function();
  g_end = emulator_ticks();
  return status;
}

// Positions are exact, their differences are, too; a sum of rounded differences would not be.
uint64_t Position(uint64_t ticks) { return emulator_instructions_of(ticks - g_begin); }

void CalibrateOnce() {
  static bool done = false;
  if (done) return;
  done = true;
  Timed(Nothing);
  g_around = Position(g_end);
  void (*volatile observe)(unsigned) = emulator_observe;
  observe(0);
  g_begin = g_marks[0].ticks;
  g_count = 0;
  observe(0);
  g_hook = Position(g_marks[0].ticks);
}

uint64_t Less(uint64_t value, uint64_t part) { return value > part ? value - part : 0; }

void Report(uint32_t stack) {
  emulator_log("inference ");
  emulator_log_unsigned(Less(Position(g_end), g_around + g_count * g_hook));
  emulator_log(" ");
  emulator_log_unsigned(stack);
  emulator_log(" ");
  emulator_log_unsigned(g_deepest);
  uint64_t before = 0;
  for (unsigned i = 0; i < g_count && g_count <= MODEL_OPERATORS; ++i) {
    const uint64_t now = Position(g_marks[i].ticks);
    emulator_log(" ");
    emulator_log_unsigned(g_marks[i].op);
    emulator_log(":");
    emulator_log_unsigned(Less(now - before, g_hook));
    before = now;
  }
  emulator_log("\n");
}

}  // namespace

void emulator_observe(unsigned op) {
  const uint64_t ticks = emulator_ticks();
  if (g_count < MODEL_OPERATORS) g_marks[g_count] = {op, ticks};
  ++g_count;
}

model::Status __wrap__ZN5model6InvokeEv() {
  const uint64_t entered = emulator_ticks();
  CalibrateOnce();
  const uint32_t before = emulator_stack_depth();
  if (before > g_deepest) g_deepest = before;
  emulator_paint_stack();
  const uint32_t here = emulator_stack_bytes(emulator_stack_pointer());
  const model::Status status = Timed(__real__ZN5model6InvokeEv);
  const uint32_t deepest = emulator_stack_depth();
  if (deepest > g_deepest) g_deepest = deepest;
  Report(static_cast<uint32_t>(Less(deepest, here)));
  emulator_hide_ticks(emulator_ticks() - entered - (g_end - g_begin));
  return status;
}

// There is no watchdog to feed, and what would feed it depends on the clock: counts would not
// repeat.
model::Status __wrap__ZN5model4InitEPFvvE(void (*)()) {
  return __real__ZN5model4InitEPFvvE(nullptr);
}
