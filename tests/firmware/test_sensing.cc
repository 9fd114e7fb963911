// From a stand-in for a sensor to an action: the rule of detection, and with a model, fed by the
// sensor and by serial commands.
#include <doctest/doctest.h>

#include <utility>

#include "bench.h"
#include "detector.h"
#include "platform_sensor.h"
#include "sensing.h"
#include "sensing_config.h"
#include "stage.h"

using model::Status;

namespace {

sensor_callback g_sensor = nullptr;
const char* g_obstacle = nullptr;
uint32_t g_missed = 0;
int g_stage_resets = 0;
std::vector<std::pair<std::string, float>> g_detected;

void OnDetection(const char* label, float score) { g_detected.emplace_back(label, score); }

// Gives moments of two axes: n, -n; n + 1, -n - 1; ...
void Give(int first, int moments) {
  std::vector<int16_t> values;
  for (int n = first; n < first + moments; ++n) {
    values.push_back(static_cast<int16_t>(n));
    values.push_back(static_cast<int16_t>(-n));
  }
  g_sensor(values.data(), values.size());
}

void Start() {
  fake::Clear();
  fake::sent.clear();
  fake::clock = {0};
  g_obstacle = nullptr;
  g_detected.clear();
  REQUIRE(sensing::Begin(OnDetection) == nullptr);
}

std::vector<std::vector<uint8_t>> Inferred() {
  return std::exchange(fake::inferred, std::vector<std::vector<uint8_t>>());
}

}  // namespace

const char* sensor_begin(uint32_t rate_hz, unsigned /*axes*/, sensor_callback on_values) {
  CHECK(rate_hz == 100);
  g_sensor = on_values;
  return g_obstacle;
}
void sensor_poll(void) {}

uint32_t sensor_missed(void) { return g_missed; }

// A frame is one moment.
void sensing::ResetStage() { ++g_stage_resets; }
size_t sensing::RunStage(const int16_t* values, size_t count, int32_t* frame, bool* complete) {
  REQUIRE(count % 2 == 0);
  frame[0] = values[0];
  frame[1] = values[1];
  *complete = true;
  return 2;
}

TEST_CASE("a class is detected above the cutoff, on average, in a row, and then not for a while") {
  using sensing::kOne;
  sensing::Detector<2, 3> detector;
  const bool none[2] = {};
  const auto push = [&](double score, const sensing::Rule& rule, const bool* ignored) {
    const uint32_t scores[2] = {static_cast<uint32_t>(score * kOne), 0};
    return detector.Push(scores, ignored, rule);
  };
  const sensing::Rule rule = {kOne / 2, 1, 2};
  CHECK(push(1, rule, none) == -1);  // the average is not full
  CHECK(push(1, rule, none) == -1);
  CHECK(push(1, rule, none) == 0);
  CHECK(detector.Mean(0) == kOne);
  CHECK(push(1, rule, none) == -1);
  CHECK(push(1, rule, none) == -1);
  CHECK(push(0.25, rule, none) == 0);
  CHECK(detector.Mean(0) == kOne * 3 / 4);
  detector.Reset();
  for (int i = 0; i < 5; ++i) CHECK(push(0.5, rule, none) == -1);  // equal is not above
  const sensing::Rule in_a_row = {kOne / 2, 3, 0};
  detector.Reset();
  for (const int expected : {-1, -1, -1, -1, 0, -1, -1, 0}) {
    CHECK(push(0.9, in_a_row, none) == expected);
  }
  detector.Reset();
  const bool first[2] = {true, false};
  for (int i = 0; i < 5; ++i) CHECK(push(1, rule, first) == -1);
}

TEST_CASE("the values become the model's input, and its scores what is detected") {
  Start();
  Give(1, 3);
  fake::outputs[0] = {200, 10, 0};
  sensing::Loop();
  // n / 4 in steps of 0.5: halves are rounded up, and the zero point is -3.
  const auto byte = [](int value) { return static_cast<uint8_t>(value - 3); };
  CHECK(Inferred() ==
        decltype(fake::inferred){{byte(1), byte(0), byte(1), byte(-1), byte(2), byte(-1)}});
  CHECK(g_detected.empty());
  Give(400, 6);
  sensing::Loop();
  REQUIRE(fake::inferred.size() == 1);  // at most one inference at a time
  CHECK(Inferred()[0] == std::vector<uint8_t>{127, 128, 127, 128, 127, 128});  // clipped
  REQUIRE(g_detected.size() == 1);
  CHECK(g_detected[0].first == "up");
  CHECK(g_detected[0].second == 200 / 256.f);
  sensing::Loop();
  CHECK(Inferred().size() == 1);
  sensing::Loop();
  CHECK(Inferred().empty());
  // Nothing for 90 ms, which three inferences take; and never what is ignored.
  fake::outputs[0] = {0, 0, 255};
  for (int i = 0; i < 8; ++i) {
    Give(0, 3);
    sensing::Loop();
  }
  CHECK(g_detected.size() == 1);
  fake::outputs[0] = {0, 255, 0};
  Give(0, 6);
  sensing::Loop();
  sensing::Loop();
  REQUIRE(g_detected.size() == 2);
  CHECK(g_detected[1].first == "down");
  CHECK(fake::sent.empty());
}

TEST_CASE("while serial commands come the model is theirs, its state too") {
  Start();
  const int resets = fake::resets;
  Give(0, 3);
  sensing::Loop();
  CHECK(Inferred().size() == 1);
  serial::Session session;
  session.Begin(Status::kOk);
  const std::string load = "reset%input 0%db load 6%db 010203040506%infer 1 0%";
  const auto send = [&](const std::string& text) {
    sensing::Pause();
    session.Feed(reinterpret_cast<const uint8_t*>(text.data()), text.size());
    Give(0, 20);  // more than the queue holds
    for (int i = 0; i < 5; ++i) sensing::Loop();
  };
  send(load);
  fake::clock = {9000000};
  send("infer 1 0%");
  fake::clock = {18999999};
  for (int i = 0; i < 5; ++i) sensing::Loop();
  CHECK(Inferred().size() == 2);
  CHECK(fake::sent.find("e-[") == std::string::npos);
  CHECK(fake::sent.find("lost") == std::string::npos);
  // Ten seconds after the last one it listens again, from the start.
  fake::clock = {19000000};
  const int stage_resets = g_stage_resets;
  Give(0, 3);
  sensing::Loop();
  CHECK(Inferred().empty());
  CHECK(g_stage_resets == stage_resets + 1);
  CHECK(fake::resets == resets + 2);
  Give(0, 3);
  sensing::Loop();
  CHECK(Inferred().size() == 1);
  CHECK(sensing::Lost() == 0);
}

TEST_CASE("a recording comes by serial commands in place of the sensor's values") {
  Start();
  const serial::Hooks hooks = {nullptr, nullptr,          nullptr,
                               nullptr, sensing::Command, sensing::kHelp};
  Bench bench(Status::kOk, hooks);
  Give(90, 3);  // of the sensor: not looked at
  CHECK(bench.Send("sensor 0 01%")[0] == "e-[No recording expected, 'sensor start' comes first]");
  CHECK(bench.Send("sensor%")[0] ==
        "e-[Command 'sensor' requires start, stop, or the number of a step]");
  const int resets = fake::resets;
  CHECK(bench.Send("sensor start%")[0] == "m-sensor-start-[100,2]");
  CHECK(fake::resets == resets + 1);
  CHECK(bench.Send("sensor 0 0x%")[0] == "e-[Command 'sensor' takes bytes in hex]");
  CHECK(bench.Send("sensor 0 010%")[0] == "e-[Command 'sensor' takes bytes in hex]");
  const auto state = [](int step, const std::vector<uint8_t>& all) {
    const std::string bytes(all.begin(), all.end());
    return "m-sensor-[" + std::to_string(step) + "," + std::to_string(all.size()) + "," +
           Bench::Crc(bytes) + ",0]";
  };
  // A moment is two values: 4 and -4, 8 and -8 become 2 and -2, 4 and -4, less 3.
  CHECK(bench.Send("sensor 0 040%").size() == 2);
  CHECK(bench.Send("sensor 0 0400fc%") == Lines{state(1, {4, 0, 0xfc}), "m-ready"});
  const Lines first = {state(2, {4, 0, 0xfc, 0xff, 8, 0}), "m-frame-[1,fffb]", "m-ready"};
  CHECK(bench.Send("sensor 1 ff0800%") == first);
  CHECK(bench.Send("sensor 1 ff0800%") == first);  // again, as after an answer that was lost
  CHECK(bench.Send("sensor 7 ff0800%") == first);
  fake::outputs[0] = {200, 10, 0};
  // More than one frame: the step ends with the first of them.
  const std::string rest =
      "f8ff"
      "0c00f4ff"
      "1000f0ff"
      "1400ecff";
  const std::vector<uint8_t> all = {4,    0,    0xfc, 0xff, 8,    0,    0xf8, 0xff, 12,   0,
                                    0xf4, 0xff, 16,   0,    0xf0, 0xff, 20,   0,    0xec, 0xff};
  CHECK(bench.Send("sensor 2 " + rest + "%") ==
        Lines{state(3, all), "m-frame-[2,01f9]", "m-ready"});
  CHECK(Inferred().empty());
  CHECK(bench.Send("sensor 3%") == Lines{state(4, all), "m-frame-[3,03f7]",
                                         "m-scores-[51200,51200,2560,2560,0,0]", "m-ready"});
  CHECK(Inferred().size() == 1);
  CHECK(bench.Send("sensor 4%")[1] == "m-frame-[4,05f5]");
  fake::outputs[0] = {100, 10, 0};
  CHECK(bench.Send("sensor 5%")[1] == "m-frame-[5,07f3]");
  CHECK(bench.Send("sensor 6%") == Lines{state(7, all), "m-ready"});  // nothing is left
  CHECK(g_detected.empty());
  const Lines last = bench.Send("sensor 7 04000400%");
  REQUIRE(last.size() == 5);
  CHECK(last[1] == "m-frame-[6,ffff]");
  CHECK(last[2] == "m-scores-[25600,38400,2560,2560,0,0]");
  CHECK(last[3] == "m-detected-[0]");
  REQUIRE(g_detected.size() == 1);
  CHECK(g_detected[0].first == "up");
  CHECK(sensing::Lost() == 0);
  CHECK(bench.Send("sensor stop%")[0] == "m-sensor-stopped");
  CHECK(bench.Send("sensor 8%")[0].substr(0, 25) == "e-[No recording expected,");
  const Lines help = bench.Send("help%");
  CHECK(help.at(help.size() - 2) == "sensor stop  : Listen to the sensor again");
}

TEST_CASE("a recording ends with the commands that bring it, and with a model that fails") {
  Start();
  const serial::Hooks hooks = {nullptr, nullptr,          nullptr,
                               nullptr, sensing::Command, sensing::kHelp};
  Bench bench(Status::kOk, hooks);
  bench.Send("sensor start%");
  for (int i = 0; i < 5; ++i) Give(0, 20);
  fake::clock = {9999999};
  sensing::Loop();
  CHECK(bench.Send("sensor 0 04000400%")[1] == "m-frame-[1,ffff]");
  fake::clock = {20000000};
  sensing::Loop();
  CHECK(bench.Send("sensor 1 04000400%")[0].substr(0, 25) == "e-[No recording expected,");
  bench.Send("sensor start%");
  fake::invoke = Status::kInvoke;
  bench.Send("sensor 0 040004000400040004000400%");
  bench.Send("sensor 1%");
  for (int i = 0; i < 3; ++i) CHECK(bench.Send("sensor 2%")[1] == "e-[model: invoke]");
}

TEST_CASE("what is lost is told, once a second") {
  Start();
  fake::clock = {5000000};
  Give(0, 9);
  sensing::Loop();
  CHECK(sensing::Lost() == 1);
  CHECK(fake::sent == "lost 1 values: inference takes too long\r\n");
  fake::sent.clear();
  Give(0, 5);
  sensing::Loop();
  CHECK(fake::sent.empty());
  fake::clock = {6000000};
  sensing::Loop();
  CHECK(fake::sent == "lost 3 values: inference takes too long\r\n");
  g_missed = 4;  // by a sensor that nothing interrupts for
  CHECK(sensing::Lost() == 7);
}

TEST_CASE("what becomes of known values is compared with the golden inputs") {
  Start();
  serial::Writer out;
  CHECK(!sensing::SelfTest(&out));
  out.Line();
  // The first of the values is 15463 / 4 in steps of 0.5: too large for the input.
  CHECK(fake::sent == "m-selftest-[input,0,0,127,1\r\n");
}

TEST_CASE("a sensor that does not start and a model that fails are told") {
  Start();
  g_obstacle = "broken";
  CHECK(std::string(sensing::Begin(OnDetection)) == "broken");
  Give(0, 3);
  sensing::Loop();
  CHECK(fake::inferred.empty());
  Start();
  fake::invoke = Status::kInvoke;
  Give(0, 6);
  sensing::Loop();
  sensing::Loop();
  CHECK(Inferred().size() == 1);
  CHECK(fake::sent == "stopped listening: invoke\r\n");
}
