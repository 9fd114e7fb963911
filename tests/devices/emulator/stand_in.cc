// A stand-in for a model, whose first input byte chooses what an inference does besides its sums.
#include "golden_data.h"
#include "model_config.h"
#include "model_runner.h"

extern "C" void MODEL_OBSERVE(unsigned op);
extern "C" void StandInLoop(uint32_t iterations);
extern "C" uint32_t StandInLoad(const void* address);

#ifndef WRONG_BYTE
#define WRONG_BYTE 0
#endif
const unsigned char g_golden_tolerances[] = {0};
const unsigned char g_golden_inputs[kGoldenCount][model::kInputBytes] = {{1}, {2, 3}};
const unsigned char g_golden_outputs[kGoldenCount][model::kOutputBytes] = {
    {7}, {14, 21, 0, 0, 0, WRONG_BYTE}};

// 5 instructions per iteration on any CPU, call and return not counted.
#if defined(__arm__)
__asm__(
    ".syntax unified\n.thumb\n.global StandInLoop\n.thumb_func\nStandInLoop:\n"
    "1: nop\nnop\nnop\nsubs r0, #1\nbne 1b\nbx lr\n"
    ".global StandInLoad\n.thumb_func\nStandInLoad:\nldr r0, [r0]\nbx lr\n");
#else
__asm__(
    ".global StandInLoop\nStandInLoop:\n1: nop\nnop\nnop\naddi a0, a0, -1\nbnez a0, 1b\nret\n"
    ".global StandInLoad\nStandInLoad:\nlw a0, 0(a0)\nret\n");
#endif

namespace model {
namespace {

uint8_t g_input[kInputBytes];
uint8_t g_output[kOutputBytes];

__attribute__((noinline)) uint32_t Recurse(volatile uint32_t* p, uint32_t depth) {
  volatile uint32_t frame[16] = {p[0], depth};
  return depth == 0 ? frame[0] : Recurse(frame, depth - 1) + frame[1];
}

void Misbehave() {
  const uint32_t value = g_input[1] | g_input[2] << 8 | g_input[3] << 16;
  volatile uint32_t start = 1;
  switch (g_input[0]) {
    case 0xf0:
      StandInLoad(g_input + 1);
      break;
    case 0xf1:
      Recurse(&start, 1000000);
      break;
    case 0xf2:
#if defined(__arm__)
      __asm__ volatile("udf #0");
#else
      __asm__ volatile(".word 0");
#endif
      break;
    case 0xf3:
      StandInLoad(reinterpret_cast<const void*>(uintptr_t{0x1fff0000}));
      break;
    case 0xf4:
      StandInLoop(value);
      break;
    case 0xf5:  // two operators
      StandInLoop(100);
      MODEL_OBSERVE(3);
      StandInLoop(1000);
      MODEL_OBSERVE(7);
      break;
    case 0xf6:
      Recurse(&start, value);
      break;
    default:
      break;
  }
}

}  // namespace

Status Init(void (*)()) { return Status::kOk; }

Status SetInput(size_t index, const uint8_t* bytes, size_t n) {
  if (index >= kInputCount) return Status::kIndex;
  if (n != kInputBytes) return Status::kSize;
  std::memcpy(g_input, bytes, n);
  return Status::kOk;
}

Status Invoke() {
  Misbehave();
  std::memset(g_output, 0, sizeof(g_output));
  for (size_t i = 0, k = 0; i < kInputBytes; ++i, k = k + 1 == kOutputBytes ? 0 : k + 1) {
    g_output[k] = static_cast<uint8_t>(g_output[k] + g_input[i] * 7);
  }
  return Status::kOk;
}

Status Output(size_t index, const uint8_t** bytes, size_t* n) {
  if (index >= kOutputCount) return Status::kIndex;
  *bytes = g_output;
  *n = sizeof(g_output);
  return Status::kOk;
}

Status Reset() { return Status::kOk; }

const char* ModelSha256() { return kSha256; }

uint32_t StateChanges() { return 0; }

size_t ArenaUsedBytes() { return sizeof(g_input); }

}  // namespace model
