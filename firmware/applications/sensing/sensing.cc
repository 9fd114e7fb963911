#include "sensing.h"

#include <cstring>

#include "detector.h"
#include "golden_data.h"
#include "model_config.h"
#include "model_runner.h"
#include "platform.h"
#include "platform_sensor.h"
#include "ring.h"
#include "sensing_config.h"
#include "stage.h"
#include "writer.h"

namespace sensing {
namespace {

constexpr const model::TensorInfo& kInput = model::kInputs[0];
constexpr const model::TensorInfo& kOutput = model::kOutputs[0];
constexpr size_t kElementBytes = model::ElementBytes(kInput);
constexpr size_t kFrameBytes = kFrameElements * kElementBytes;
constexpr size_t kFrames = kInput.elements / kFrameElements;
static_assert(model::kInputCount == 1 && kFrames * kFrameBytes == kInput.bytes,
              "the model does not take whole frames");
static_assert(model::IsQuantized(kInput), "the model's input is not quantized");

// A model with state takes each frame once; any other sees the last kFrames again and again.
constexpr uint64_t kFramesOfStride = uint64_t{kStrideMs} * 1000 / kStepUs;
constexpr size_t kStride = model::kStateful || kStrideMs == 0 || kFramesOfStride >= kFrames
                               ? kFrames
                           : kFramesOfStride == 0 ? 1
                                                  : kFramesOfStride;
constexpr Rule kRule = {
    kCutoff, kConsecutive,
    static_cast<uint32_t>(uint64_t{kRefractoryMs} * 1000 / (uint64_t{kStepUs} * kStride))};

// A number of the frame becomes the input's by an integer multiplication.
constexpr int kFractionBits = 24;
constexpr auto kMultiplier =
    static_cast<int64_t>((1 << kFractionBits) / (kUnit * static_cast<double>(kInput.scale)) + 0.5);
constexpr int32_t kLow = kInput.type == model::ElementType::kUInt8   ? 0
                         : kInput.type == model::ElementType::kInt16 ? INT16_MIN
                                                                     : INT8_MIN;
constexpr int32_t kHigh = kLow + (kElementBytes == 2 ? UINT16_MAX : UINT8_MAX);

constexpr bool Equal(const char* a, const char* b) {
  for (; *a == *b; ++a, ++b) {
    if (*a == '\0') return true;
  }
  return false;
}

constexpr bool IsIgnored(const char* label) {
  for (const char* name : kIgnoredLabels) {
    if (name != nullptr && Equal(name, label)) return true;
  }
  return false;
}

constexpr bool IgnoresLabelsOnly() {
  for (const char* name : kIgnoredLabels) {
    bool found = name == nullptr;
    for (size_t i = 0; i < model::kLabelCount; ++i) found |= name && Equal(name, model::kLabels[i]);
    if (!found) return false;
  }
  return true;
}
static_assert(IgnoresLabelsOnly(), "the application is to ignore a label that the model lacks");

constexpr uint64_t kPauseUs = 10000000;
constexpr uint64_t kReportUs = 1000000;

Ring<kQueuedMoments + 1, kAxes> g_queue;
Detector<kOutput.elements, kAverage> g_detector;
OnDetection g_on_detection = nullptr;
bool g_runs = false;
bool g_paused = false;
uint64_t g_paused_us = 0;
uint32_t g_position = 0;  // moments that were looked at
uint32_t g_dropped = 0;   // and lost, when listening began
uint32_t g_reported = 0;
uint64_t g_reported_us = 0;

int32_t g_frame[kFrameElements];
uint8_t g_window[kFrames * kFrameBytes];
size_t g_filled = 0;  // frames in the window

void Trace(const char* what, const void* bytes, size_t n) {
#ifdef MICROGEN_HOST
  sensor_trace(what, g_position, bytes, n);
#else
  (void)what, (void)bytes, (void)n;
#endif
}

void OnValues(const int16_t* values, size_t count) { g_queue.Write(values, count); }

void Listen() {
  g_paused = false;
  g_queue.Clear();
  g_dropped = g_queue.Dropped() + sensor_missed();
  g_reported = 0;
  g_filled = 0;
  ResetStage();
  g_detector.Reset();
  if (model::kStateful) model::Reset();
}

void Stop(const char* why) {
  g_runs = false;
  serial::Writer().Text("stopped listening: ").Text(why).Line();
}

// Says what was lost, at most once a second.
void ReportLost() {
  const uint32_t lost = Lost();
  if (lost == g_reported) return;
  Trace("lost", &lost, sizeof(lost));
  if (platform_micros() - g_reported_us < kReportUs) return;
  g_reported = lost;
  g_reported_us = platform_micros();
  serial::Writer out;
  out.Text("lost ").Unsigned(lost).Text(" values: the model is slower than the sensor").Line();
}

// Makes the input's bytes of the numbers of a frame.
void Quantize(uint8_t* to) {
  for (size_t i = 0; i < kFrameElements; ++i, to += kElementBytes) {
    const int64_t scaled = g_frame[i] * kMultiplier + (1 << (kFractionBits - 1));
    int64_t value = (scaled >> kFractionBits) + kInput.zero_point;
    value = value < kLow ? kLow : value > kHigh ? kHigh : value;
    const auto bits = static_cast<uint16_t>(value);
    std::memcpy(to, &bits, kElementBytes);  // little-endian, as every supported target is
  }
}

void KeepFrame() {
  uint8_t* to = g_window + g_filled++ * kFrameBytes;
  Quantize(to);
  Trace("frame", to, kFrameBytes);
}

// The values that golden vector 0 is made of: noise, louder and quieter in turn. The host has the
// same.
class GoldenValues {
 public:
  void Moment(int16_t* values) {
    size_t i = 0;
    if (kRows > 0) values[i++] = static_cast<int16_t>(moment_ % (kRows > 0 ? kRows : 1));
    ++moment_;
    for (; i < kAxes; ++i, ++count_) {
      state_ = state_ * 1664525u + 1013904223u;
      values[i] = static_cast<int16_t>(static_cast<int16_t>(state_ >> 16) >> (count_ >> 9 & 7));
    }
  }

 private:
  uint32_t state_ = 1;
  uint32_t moment_ = 0;
  uint32_t count_ = 0;
};

// Fills the window with the next frames of golden vector 0.
void FillGolden(GoldenValues* golden, int16_t* values) {
  for (g_filled = 0; g_filled < kFrames;) {
    bool complete = false;
    if (RunStage(values, kAxes, g_frame, &complete) > 0) golden->Moment(values);
    if (complete) Quantize(g_window + g_filled++ * kFrameBytes);
  }
}

const char* Label(size_t index) {
  if (model::kLabelCount > 0) return model::kLabels[index];
  if (kOutput.elements == 1) return kLabel;
  static char number[] = "class 00000";
  for (size_t digit = sizeof(number) - 2; digit >= 6; --digit, index /= 10) {
    number[digit] = static_cast<char>('0' + index % 10);
  }
  return number;
}

uint32_t Score(const uint8_t* bytes, size_t index) {
  const float score = model::Dequantize(kOutput, bytes, index);
  return score >= 1 ? kOne : score > 0 ? static_cast<uint32_t>(score * float{kOne}) : 0;
}

void Judge(const uint8_t* output) {
  uint32_t scores[kOutput.elements];
  bool ignored[kOutput.elements] = {};
  for (size_t i = 0; i < kOutput.elements; ++i) {
    scores[i] = Score(output, i);
    if (model::kLabelCount > 0) ignored[i] = IsIgnored(model::kLabels[i]);
  }
  const int found = g_detector.Push(scores, ignored, kRule);
  Trace("scores", scores, sizeof(scores));
  for (size_t i = 0; i < kOutput.elements; ++i) scores[i] = g_detector.Mean(i);
  Trace("means", scores, sizeof(scores));
  if (found < 0) return;
  const auto index = static_cast<size_t>(found);
  const char* label = Label(index);
  Trace("score", &scores[index], sizeof(scores[index]));
  Trace("detected", label, std::strlen(label));
  g_on_detection(label, static_cast<float>(scores[index]) / float{kOne});
}

void Infer() {
  model::Status status = model::SetInput(0, g_window, sizeof(g_window));
  if (status == model::Status::kOk) status = model::Invoke();
  const uint8_t* output = nullptr;
  size_t bytes = 0;
  if (status == model::Status::kOk) status = model::Output(0, &output, &bytes);
  if (status != model::Status::kOk) return Stop(model::StatusName(status));
  Judge(output);
  g_filled -= kStride;
  std::memmove(g_window, g_window + kStride * kFrameBytes, g_filled * kFrameBytes);
}

}  // namespace

const char* Begin(OnDetection on_detection) {
  g_on_detection = on_detection;
  Listen();
  const char* obstacle = sensor_begin(kRateHz, kAxes, OnValues);
  g_runs = obstacle == nullptr;
  return obstacle;
}

void Loop() {
  if (!g_runs) return;
  sensor_poll();
  if (g_paused) {
    g_queue.Clear();
    if (platform_micros() - g_paused_us < kPauseUs) return;
    Listen();
  }
  ReportLost();
  size_t count = 0;
  for (const int16_t* values; values = g_queue.Peek(&count), count > 0;) {
    bool complete = false;
    const size_t taken = RunStage(values, count, g_frame, &complete);
    g_queue.Consume(taken);
    g_position += static_cast<uint32_t>(taken / kAxes);
    if (!complete) continue;
    KeepFrame();
    if (g_filled == kFrames) return Infer();
  }
}

void Pause() {
  g_paused = true;
  g_paused_us = platform_micros();
}

bool SelfTest(serial::Writer* out) {
  static int16_t values[kAxes];
  static GoldenValues golden;
  golden = GoldenValues();
  ResetStage();
  golden.Moment(values);
  bool right = true;
  for (size_t step = 0; step < kGoldenSteps && right; ++step) {
    FillGolden(&golden, values);
    const uint8_t* expected = g_golden_inputs[0] + step * sizeof(g_window);
    for (size_t i = 0; i < sizeof(g_window) && right; ++i) {
      right = g_window[i] == expected[i];
      if (right) continue;
      out->Text("m-selftest-[input,").Unsigned(step).Char(',').Unsigned(i).Char(',');
      out->Unsigned(g_window[i]).Char(',').Unsigned(expected[i]);
    }
  }
  Listen();
  return right;
}

uint32_t Lost() { return g_queue.Dropped() + sensor_missed() - g_dropped; }

}  // namespace sensing
