#pragma once

// Runs a model whose answer is known, to find out whether tflm_api.h still describes the TFLM that
// it was linked against. Null when it does, else what differs.
const char* SelfTest();
