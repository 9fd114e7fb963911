/* Runs the golden vectors: inputs, and the bytes that TensorFlow Lite Micro gave for them. This CPU
 * must give the same. */
#include <stdint.h>
#include <string.h>

#include "golden_vectors.h"
#include "model_info.h"
#include "print.h"

static void print_number(unsigned long value) {
  char text[21];
  char* at = text + sizeof(text) - 1;
  *at = '\0';
  do {
    *--at = (char)('0' + value % 10);
    value /= 10;
  } while (value != 0);
  test_print(at);
}

static void say_difference(unsigned vector, unsigned output, size_t byte, unsigned is,
                           unsigned not) {
  const unsigned long values[] = {vector, output, (unsigned long)byte, is, not};
  static const char* const words[] = {"golden vector ", ", output ", ", byte ", " is ", ", not "};
  for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); ++k) {
    test_print(words[k]);
    print_number(values[k]);
  }
  test_print("\n");
}

/* Returns where the answer to one step of a vector ends, 0 where it is wrong. */
static const unsigned char* infer(unsigned vector, const unsigned char* input,
                                  const unsigned char* expected) {
  for (unsigned i = 0; i < MODEL_INPUTS; ++i) {
    memcpy(model_input(i), input, model_input_tensors[i].bytes);
    input += model_input_tensors[i].bytes;
  }
  model_invoke();
  for (unsigned i = 0; i < MODEL_OUTPUTS; ++i) {
    const unsigned char* output = (const unsigned char*)model_output(i);
    for (size_t k = 0; k < model_output_tensors[i].bytes; ++k) {
      if (output[k] != expected[k]) {
        say_difference(vector, i, k, output[k], expected[k]);
        return 0;
      }
    }
    expected += model_output_tensors[i].bytes;
  }
  return expected;
}

int main(void) {
  unsigned failed = 0;
  for (unsigned vector = 0; vector < GOLDEN_COUNT; ++vector) {
    const unsigned char* expected = golden_outputs[vector];
    model_reset();
    for (unsigned step = 0; step < GOLDEN_STEPS && expected != 0; ++step) {
      expected = infer(vector, golden_inputs[vector] + step * GOLDEN_INPUT_BYTES, expected);
    }
    failed += expected == 0;
  }
  print_number(GOLDEN_COUNT - failed);
  test_print(" of ");
  print_number(GOLDEN_COUNT);
  test_print(" golden vectors pass\n");
  return failed != 0;
}
