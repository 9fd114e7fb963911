// platform_sensor.h on an I2S microphone (INMP441, ICS-43434, SPH0645) with the Pico SDK: a state
// machine of PIO 0 is the clock, and takes the bits of one slot. The word select follows the
// clock's pin.
#include <hardware/clocks.h>
#include <hardware/gpio.h>
#include <hardware/irq.h>
#include <hardware/pio.h>
#include <hardware/pio_instructions.h>

#include <initializer_list>

#include "platform_sensor.h"

#ifndef MICROPHONE_BCLK
#error "name the pins: -DMICROPHONE_BCLK=.. -DMICROPHONE_DATA=.."
#endif
#ifndef MICROPHONE_SLOT
#define MICROPHONE_SLOT 0  // 0: left, its pin L/R is low; 1: right
#endif
#ifndef MICROPHONE_SHIFT
#define MICROPHONE_SHIFT 14  // from 32 bits to 16: four times louder than its upper half
#endif

namespace {

constexpr uint kClock = MICROPHONE_BCLK;
constexpr uint kSelect = MICROPHONE_BCLK + 1;
constexpr uint kData = MICROPHONE_DATA;

// A bit takes an instruction with the clock low, after which the microphone changes its data, and
// one with the clock high. The word select changes one bit early, as Philips defined it: so the
// last bit of a slot has the next slot's.
constexpr uint kInstructions = 12;
constexpr uint kLoop = 1;
constexpr uint kOtherLoop = 7;
uint16_t g_code[kInstructions];

sensor_callback g_on_values = nullptr;
PIO const g_pio = pio0;
uint g_machine = 0;
int16_t g_samples[16];

uint16_t Step(uint code, bool clock, bool select) {
  const uint levels = (clock ? 1u : 0u) | (select ? 2u : 0u);
  return static_cast<uint16_t>(code | pio_encode_sideset(2, levels));
}

void Assemble() {
  const uint take = pio_encode_in(pio_pins, 1), nop = pio_encode_nop(),
             count = pio_encode_set(pio_x, 29);
  const uint16_t code[kInstructions] = {
      // 30 bits in the loop, and two of the slot that is taken
      Step(count, false, false), Step(take, true, false),
      Step(pio_encode_jmp_x_dec(kLoop), false, false), Step(take, true, false),
      Step(nop, false, true), Step(take, true, true),
      // the other slot
      Step(count, false, true), Step(nop, true, true),
      Step(pio_encode_jmp_x_dec(kOtherLoop), false, true), Step(nop, true, true),
      Step(nop, false, false), Step(nop, true, false)};
  for (uint i = 0; i < kInstructions; ++i) g_code[i] = code[i];
}

int16_t Sample(int32_t word) {
  const int32_t sample = word >> MICROPHONE_SHIFT;
  return static_cast<int16_t>(sample > INT16_MAX   ? INT16_MAX
                              : sample < INT16_MIN ? INT16_MIN
                                                   : sample);
}

// The queue of the state machine has room for eight words: half a millisecond of 16 kHz.
void OnWords() {
  size_t count = 0;
  while (!pio_sm_is_rx_fifo_empty(g_pio, g_machine)) {
    g_samples[count++] = Sample(static_cast<int32_t>(pio_sm_get(g_pio, g_machine)));
    if (count == sizeof(g_samples) / sizeof(*g_samples)) break;
  }
  if (count > 0) g_on_values(g_samples, count);
}

void Connect(uint offset, uint32_t rate_hz) {
  for (const uint pin : {kClock, kSelect, kData}) pio_gpio_init(g_pio, pin);
  // The slot that is taken is the one with the word select low.
  gpio_set_outover(kSelect, MICROPHONE_SLOT ? GPIO_OVERRIDE_INVERT : GPIO_OVERRIDE_NORMAL);
  pio_sm_set_consecutive_pindirs(g_pio, g_machine, kClock, 2, true);
  pio_sm_set_consecutive_pindirs(g_pio, g_machine, kData, 1, false);

  pio_sm_config config = pio_get_default_sm_config();
  sm_config_set_wrap(&config, offset, offset + kInstructions - 1);
  sm_config_set_sideset(&config, 2, false, false);
  sm_config_set_sideset_pins(&config, kClock);
  sm_config_set_in_pins(&config, kData);
  sm_config_set_in_shift(&config, false, true, 32);
  sm_config_set_fifo_join(&config, PIO_FIFO_JOIN_RX);
  constexpr uint kStepsPerSample = 2 * 64;
  sm_config_set_clkdiv(&config, static_cast<float>(clock_get_hz(clk_sys)) /
                                    static_cast<float>(rate_hz * kStepsPerSample));
  pio_sm_init(g_pio, g_machine, offset, &config);

  pio_set_irq0_source_enabled(
      g_pio, static_cast<pio_interrupt_source_t>(pis_sm0_rx_fifo_not_empty + g_machine), true);
  irq_set_exclusive_handler(PIO0_IRQ_0, OnWords);
  irq_set_enabled(PIO0_IRQ_0, true);
}

}  // namespace

const char* sensor_begin(uint32_t rate_hz, unsigned /*axes*/, sensor_callback on_values) {
  g_on_values = on_values;
  Assemble();
  pio_program program = {};
  program.instructions = g_code;
  program.length = kInstructions;
  program.origin = -1;
  const int machine = pio_claim_unused_sm(g_pio, false);
  if (machine < 0 || !pio_can_add_program(g_pio, &program)) return "PIO 0 is taken";
  g_machine = static_cast<uint>(machine);
  Connect(static_cast<uint>(pio_add_program(g_pio, &program)), rate_hz);
  pio_sm_set_enabled(g_pio, g_machine, true);
  return nullptr;
}

void sensor_poll(void) {}

uint32_t sensor_missed(void) { return 0; }
