/* Your program. microgen wrote this file once and leaves it to you: change what you like.
 *
 * As it is, it takes numbers for the first input from its arguments, 0 for the rest, and prints
 * what the model makes of them. */
#include <stdio.h>
#include <stdlib.h>

#include "model_info.h"

static void fill(unsigned input, int count, char** numbers) {
  const model_tensor* tensor = &model_input_tensors[input];
  for (uint32_t k = 0; k < tensor->elements; ++k) {
    const int is_given = input == 0 && k < (uint32_t)count;
    const float value = is_given ? strtof(numbers[k], NULL) : 0.0f;
    model_quantize(tensor, value, model_input(input), k);
  }
}

static void print(unsigned output) {
  const model_tensor* tensor = &model_output_tensors[output];
  const char* const* label = model_labels;
  for (uint32_t k = 0; k < tensor->elements; ++k) {
    const double value = (double)model_dequantize(tensor, model_output(output), k);
    printf("output %u[%lu] %g", output, (unsigned long)k, value);
    if (*label != NULL && output == 0) printf(" %s", *label++);
    printf("\n");
  }
}

int main(int argc, char** argv) {
  /* Once at the start, and whenever a model that keeps state is to begin again. */
  model_reset();
  /* Before every inference: its inputs may lie where later layers write. */
  for (unsigned i = 0; i < MODEL_INPUTS; ++i) fill(i, argc - 1, argv + 1);
  model_invoke();
  for (unsigned i = 0; i < MODEL_OUTPUTS; ++i) print(i);
  return EXIT_SUCCESS;
}
