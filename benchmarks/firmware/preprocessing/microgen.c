/* microgen's front end behind model.h. */
#include "front_end.h"
#include "model.h"

static int16_t samples[SAMPLES];
static uint16_t values[VALUES];
static uint32_t ram;

void *model_input(unsigned index) {
  (void)index;
  return samples;
}
const void *model_output(unsigned index) {
  return index ? (const void *)&ram : values;
}

void model_reset(void) {
  logmel_reset(&front_end);
  const logmel_tables *t = front_end.tables;
  ram = (uint32_t)(sizeof front_end + 2 * t->window + 4 * t->half +
                   4 * t->channels);
}

void model_invoke(void) {
  uint16_t *next = values;
  for (size_t taken = 0; taken < SAMPLES;) {
    bool complete;
    taken += logmel_process(&front_end, samples + taken, SAMPLES - taken, next,
                            &complete);
    if (complete)
      next += CHANNELS;
  }
}
