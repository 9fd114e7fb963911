#include "sensing.h"

#include <cstring>

#include "crc32.h"
#include "detector.h"
#include "golden_data.h"
#include "model_config.h"
#include "model_runner.h"
#include "parse.h"
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

// An autoencoder has one score, made of its error, in fixed point: a difference has 20 bits at
// most.
constexpr bool kReconstructs = kThreshold > 0;
constexpr size_t kScores = kReconstructs ? 1 : kOutput.elements;
static_assert(!kReconstructs ||
                  (kOutput.elements == kInput.elements && model::IsQuantized(kOutput)),
              "the model is no autoencoder");

constexpr double Span(const model::TensorInfo& tensor) {
  return static_cast<double>(tensor.scale) * (model::ElementBytes(tensor) == 2 ? 65535 : 255);
}
constexpr double kWidest = Span(kInput) > Span(kOutput) ? Span(kInput) : Span(kOutput);
constexpr double kStepsOfOne = (1 << 19) / (kWidest > 0 ? kWidest : 1);  // steps that 1 has
constexpr int kScaleBits = 16;
constexpr auto kInputSteps =
    static_cast<int64_t>(static_cast<double>(kInput.scale) * kStepsOfOne * (1 << kScaleBits) + 0.5);
constexpr auto kOutputSteps = static_cast<int64_t>(
    static_cast<double>(kOutput.scale) * kStepsOfOne * (1 << kScaleBits) + 0.5);
constexpr double kLimit = 70368744177664.0;  // 2^46, more than any error
constexpr double kHalf = kThreshold * kStepsOfOne * kStepsOfOne;
constexpr uint64_t kHalfError = kHalf < 1        ? 1
                                : kHalf > kLimit ? static_cast<uint64_t>(kLimit)
                                                 : static_cast<uint64_t>(kHalf + 0.5);

constexpr uint64_t kPauseUs = 10000000;
constexpr uint64_t kReportUs = 1000000;

Ring<kQueuedMoments + 1, kAxes> g_queue;
Detector<kScores, kAverage> g_detector;
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
int g_found = -1;     // by the last inference

// A recording that comes by serial commands, one step after the other. A step takes bytes until a
// frame is complete. What it gave is kept, so that it can be told again where an answer was lost.
struct Feed {
  bool runs = false;
  uint32_t step = 0;                          // that comes next
  uint32_t bytes = 0;                         // that came
  uint32_t crc = 0;                           // of them
  size_t waiting = 0;                         // bytes that no moment was made of yet
  uint64_t busy_us = 0;                       // that features and inferences took
  bool has_frame = false;                     // the last step completed one,
  bool inferred = false;                      // and the model inferred,
  model::Status status = model::Status::kOk;  // with this result
};
Feed g_feed;

// Whole moments, as many as a command of 128 bytes holds, at least one.
constexpr size_t kCommandValues = 24;
constexpr size_t kFedValues = kAxes < kCommandValues ? kCommandValues / kAxes * kAxes : kAxes;
int16_t g_fed[kFedValues];

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
  g_feed = Feed();
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
  out.Text("lost ").Unsigned(lost).Text(" values: inference takes too long").Line();
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
  if (kReconstructs) return kLabel;
  if (model::kLabelCount > 0) return model::kLabels[index];
  if (kScores == 1) return kLabel;
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

// What one quantized number is, in steps, without its zero point.
int64_t Number(const model::TensorInfo& tensor, const uint8_t* bytes, size_t index) {
  if (model::ElementBytes(tensor) == 1) {
    const int32_t value = tensor.type == model::ElementType::kUInt8
                              ? bytes[index]
                              : static_cast<int8_t>(bytes[index]);
    return value - tensor.zero_point;
  }
  int16_t value;
  std::memcpy(&value, bytes + 2 * index, sizeof(value));
  return value - tensor.zero_point;
}

// The score of an autoencoder's mean squared error: a half at the threshold, near 1 far above.
uint32_t ErrorScore(const uint8_t* output) {
  uint64_t sum = 0;
  for (size_t i = 0; i < kInput.elements; ++i) {
    const int64_t difference =
        (Number(kInput, g_window, i) * kInputSteps - Number(kOutput, output, i) * kOutputSteps) >>
        kScaleBits;
    sum += static_cast<uint64_t>(difference * difference);
  }
  const uint64_t mean = sum / kInput.elements;
  return static_cast<uint32_t>(mean * kOne / (mean + kHalfError));
}

void Judge(const uint8_t* output) {
  uint32_t scores[kScores];
  bool ignored[kScores] = {};
  for (size_t i = 0; i < kScores; ++i) {
    scores[i] = kReconstructs ? ErrorScore(output) : Score(output, i);
    if (!kReconstructs && model::kLabelCount > 0) ignored[i] = IsIgnored(model::kLabels[i]);
  }
  g_found = g_detector.Push(scores, ignored, kRule);
  Trace("scores", scores, sizeof(scores));
  for (size_t i = 0; i < kScores; ++i) scores[i] = g_detector.Mean(i);
  Trace("means", scores, sizeof(scores));
  if (g_found < 0) return;
  const auto index = static_cast<size_t>(g_found);
  const char* label = Label(index);
  Trace("score", &scores[index], sizeof(scores[index]));
  Trace("detected", label, std::strlen(label));
  if (g_on_detection == nullptr) return;
  g_on_detection(label, static_cast<float>(scores[index]) / float{kOne});
}

model::Status Infer() {
  model::Status status = model::SetInput(0, g_window, sizeof(g_window));
  if (status == model::Status::kOk) status = model::Invoke();
  const uint8_t* output = nullptr;
  size_t bytes = 0;
  if (status == model::Status::kOk) status = model::Output(0, &output, &bytes);
  if (status != model::Status::kOk) return status;
  Judge(output);
  g_filled -= kStride;
  std::memmove(g_window, g_window + kStride * kFrameBytes, g_filled * kFrameBytes);
  return status;
}

// Puts what came into the queue of moments until that is full, and works them off until a frame is
// complete.
void Step(const char* hex) {
  auto* bytes = reinterpret_cast<uint8_t*>(g_fed);
  constexpr size_t kFedBytes = sizeof(g_fed);
  for (; *hex != '\0' && g_feed.waiting < kFedBytes; hex += 2, ++g_feed.bytes) {
    const auto byte =
        static_cast<uint8_t>(serial::HexDigit(hex[0]) << 4 | serial::HexDigit(hex[1]));
    g_feed.crc = serial::Crc32(g_feed.crc, &byte, 1);
    bytes[g_feed.waiting++] = byte;
  }
  ++g_feed.step;
  g_feed.has_frame = g_feed.inferred = false;
  const uint64_t start = platform_micros();
  const size_t count = g_feed.waiting / (kAxes * sizeof(*g_fed)) * kAxes;
  size_t done = 0;
  while (done < count && !g_feed.has_frame) {
    const size_t taken = RunStage(g_fed + done, count - done, g_frame, &g_feed.has_frame);
    done += taken;
    g_position += static_cast<uint32_t>(taken / kAxes);
  }
  g_feed.waiting -= done * sizeof(*g_fed);
  std::memmove(g_fed, g_fed + done, g_feed.waiting);
  if (g_feed.has_frame) {
    KeepFrame();
    g_feed.inferred = g_filled == kFrames;
    if (g_feed.inferred) g_feed.status = Infer();
  }
  g_feed.busy_us += platform_micros() - start;
}

// Says what the last step gave.
void TellStep(serial::Writer* out) {
  out->Text("m-sensor-[").Unsigned(g_feed.step).Char(',').Unsigned(g_feed.bytes).Char(',');
  out->Hex(g_feed.crc, 8).Char(',').Unsigned(g_feed.busy_us).Char(']').Line();
  if (g_feed.status != model::Status::kOk) {
    out->Text("e-[model: ").Text(model::StatusName(g_feed.status)).Char(']').Line();
    return;
  }
  if (!g_feed.has_frame) return;
  // An inference has moved the frames, unless all are old now.
  const size_t last =
      g_feed.inferred ? kFrames - 1 - (kStride < kFrames ? kStride : 0) : g_filled - 1;
  out->Text("m-frame-[").Unsigned(g_position).Char(',');
  for (size_t i = 0; i < kFrameBytes; ++i) out->Hex(g_window[last * kFrameBytes + i], 2);
  out->Char(']').Line();
  if (!g_feed.inferred) return;
  for (size_t i = 0; i < kScores; ++i) {
    out->Text(i == 0 ? "m-scores-[" : ",").Unsigned(g_detector.Last(i));
    out->Char(',').Unsigned(g_detector.Mean(i));
  }
  out->Char(']').Line();
  if (g_found >= 0)
    out->Text("m-detected-[").Unsigned(static_cast<unsigned>(g_found)).Char(']').Line();
}

bool IsHex(const char* word) {
  size_t digits = 0;
  for (; word[digits] != '\0'; ++digits) {
    if (serial::HexDigit(word[digits]) < 0) return false;
  }
  return digits % 2 == 0;
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
    if (g_filled < kFrames) continue;
    const model::Status status = Infer();
    if (status != model::Status::kOk) Stop(model::StatusName(status));
    return;
  }
}

void Pause() {
  g_paused = true;
  g_paused_us = platform_micros();
}

bool SelfTest(serial::Writer* out) {
  static GoldenValues golden;
  golden = GoldenValues();
  ResetStage();
  golden.Moment(g_fed);
  bool right = true;
  for (size_t step = 0; step < kGoldenSteps && right; ++step) {
    FillGolden(&golden, g_fed);
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

bool Command(const char* name, char* rest, serial::Writer* out) {
  if (std::strcmp(name, "sensor") != 0) return false;
  const char* word = serial::CutWord(&rest);
  const char* hex = serial::CutWord(&rest);
  if (word != nullptr && std::strcmp(word, "stop") == 0) {
    Listen();
    out->Text("m-sensor-stopped").Line();
    return true;
  }
  Pause();
  uint32_t step = 0;
  if (word != nullptr && std::strcmp(word, "start") == 0) {
    Listen();
    Pause();
    g_position = 0;
    g_feed.runs = true;
    out->Text("m-sensor-start-[").Unsigned(kRateHz).Char(',').Unsigned(kAxes).Char(']').Line();
  } else if (word == nullptr || !serial::ParseUnsigned(word, &step)) {
    out->Text("e-[Command 'sensor' requires start, stop, or the number of a step]").Line();
  } else if (!g_feed.runs) {
    out->Text("e-[No recording expected, 'sensor start' comes first]").Line();
  } else if (hex != nullptr && !IsHex(hex)) {
    out->Text("e-[Command 'sensor' takes bytes in hex]").Line();
  } else {
    if (step == g_feed.step && g_feed.status == model::Status::kOk) Step(hex != nullptr ? hex : "");
    TellStep(out);
  }
  return true;
}

uint32_t Lost() { return g_queue.Dropped() + sensor_missed() - g_dropped; }

}  // namespace sensing
