/* model.c calls this after each operator of an inference. Define a function of this name in your
 * program to feed a watchdog there, or to give other tasks a turn. */
#if defined(__GNUC__)
#define MODEL_WEAK __attribute__((weak))
#else
#define MODEL_WEAK /* a static library's own is taken only where the program has none */
#endif

void model_observe(unsigned op);

MODEL_WEAK void model_observe(unsigned op) { (void)op; }
