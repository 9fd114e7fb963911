#define MG_LSTM16
#include "lstm.c"
