// The serial commands on a model of several inputs and outputs, of every type.
#include <doctest/doctest.h>

#include <cfloat>
#include <cmath>

#include "bench.h"

namespace {

void LoadAll(Bench& bench) {
  bench.Load(0, {1, 2, 3});
  bench.Load(1, {4, 5, 6, 7});
  bench.Load(2, {8, 9, 10, 11});
  bench.Load(3, {12, 13, 14, 15, 16, 17, 18, 19});
}

std::string Inferred(Bench& bench, int output) {
  bench.Send("infer 1 0%");
  return bench.Send("results " + std::to_string(output) + "%")[0];
}

}  // namespace

TEST_CASE("each input has its place, and all must be loaded") {
  Bench bench;
  CHECK(bench.Send("input 3%") == Lines{"m-input-[3,8]", "m-ready"});
  CHECK(bench.Send("input 4%") == Lines{"e-[Index must be 0 to 3]", "m-ready"});
  CHECK(bench.Send("input%") == Lines{"m-input-[0,3]", "m-ready"});
  bench.Load(0, {1, 2, 3});
  CHECK(bench.Send("infer%") == Lines{"e-[Input 1 is not loaded]", "m-ready"});
  LoadAll(bench);
  CHECK(bench.Send("db print%") == Lines{"m-buffer-0c-0d-0e-0f-10-11-12-13", "m-ready"});
  bench.Send("infer 2 0%");
  CHECK(fake::inferred == std::vector<std::vector<uint8_t>>(2, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
                                                                12, 13, 14, 15, 16, 17, 18, 19}));
  // Loading one anew: only that one is incomplete meanwhile.
  bench.Send("input 1%");
  bench.Send("db load 4%");
  CHECK(bench.Send("infer%") == Lines{"e-[Input 1 is not loaded]", "m-ready"});
}

TEST_CASE("choosing another input does not redirect a load that is under way") {
  Bench bench;
  bench.Send("input 2%db load 4%db 00000000%input 1%db load 4%db aabb%input 2%");
  CHECK(bench.Send("db ccdd%") == Lines{"m-load-done", "m-ready"});
  CHECK(bench.Send("db print%") == Lines{"m-buffer-00-00-00-00", "m-ready"});
  bench.Send("input 1%");
  CHECK(bench.Send("db print%") == Lines{"m-buffer-aa-bb-cc-dd", "m-ready"});
}

TEST_CASE("floats for each type, and where there is no scale") {
  Bench bench;
  bench.Load(0, BytesOf<float>({0.25f, -0.25f, 100.0f}));
  CHECK(bench.Send("db print%")[0] == "m-buffer-0b-09-7f");
  bench.Load(1, BytesOf<float>({-1.0f, 1e6f}));
  CHECK(bench.Send("db print%")[0] == "m-buffer-fc-ff-ff-7f");
  bench.Load(2, BytesOf<float>({-128.5f, 0.0f, 126.5f, 128.0f}));
  CHECK(bench.Send("db print%")[0] == "m-buffer-00-80-ff-ff");
  bench.Send("input 3%");
  CHECK(bench.Send("db load 32%") == Lines{"e-[Command 'db load' takes 8 bytes]", "m-ready"});
}

TEST_CASE("outputs as bytes") {
  Bench bench;
  LoadAll(bench);
  fake::outputs[1] = {1, 2, 3, 255};
  fake::outputs[4] = {1, 0};
  bench.Send("infer 1 0%");
  CHECK(bench.Send("output 1%") == Lines{"m-output-[1,4,010203ff,9c53d059,ee00ad46,1]", "m-ready"});
  CHECK(bench.Send("output 4%") == Lines{"m-output-[4,2,0100,58c223be,ee00ad46,1]", "m-ready"});
  CHECK(bench.Send("output 5%") == Lines{"e-[Index must be 0 to 4]", "m-ready"});
}

TEST_CASE("the label of the largest element") {
  Bench bench;
  LoadAll(bench);
  fake::outputs[0] = {0x80, 10, 0x7f};
  bench.Send("infer 1 0%");
  // There are two labels for three elements: the third has none, and cannot win.
  CHECK(bench.Send("label%") == Lines{"m-label-[1,on]", "m-ready"});
  fake::outputs[0] = {10, 10, 0};
  bench.Send("infer 1 0%");
  CHECK(bench.Send("label%") == Lines{"m-label-[0,off]", "m-ready"});
}

TEST_CASE("an application that infers between two commands does not change the answers") {
  Bench bench;
  LoadAll(bench);
  fake::outputs[0] = {0x80, 10, 0x7f};
  fake::outputs[1] = {1, 2, 3, 255};
  bench.Send("infer 1 0%");
  const std::vector<std::string> commands = {"output%", "output 1%", "results%", "results 1%",
                                             "label%"};
  std::vector<Lines> before;
  for (const auto& command : commands) before.push_back(bench.Send(command));
  for (size_t i = 0; i < commands.size(); ++i) {
    model::Invoke();
    fake::outputs[0] = {1, 2, 3};
    fake::outputs[1] = {7, 7, 7, static_cast<uint8_t>(i)};
    CHECK(bench.Send(commands[i]) == before[i]);
  }
}

TEST_CASE("a state that the application has changed is not inferred on") {
  const Lines refused = {"e-[The application has changed the model's state, 'reset' comes first]",
                         "m-ready"};
  Bench bench;
  LoadAll(bench);
  CHECK(bench.Send("infer 1 0%").size() == 8);
  CHECK(bench.Send("time 1 0%").size() == 2);
  model::Invoke();
  CHECK(bench.Send("infer 1 0%") == refused);
  CHECK(bench.Send("time 1 0%") == refused);
  CHECK(bench.Send("reset%") == Lines{"m-reset-done", "m-ready"});
  CHECK(bench.Send("infer 1 0%").size() == 8);
  model::Reset();
  CHECK(bench.Send("infer 1 0%") == refused);
  CHECK(bench.Send("selftest%")[0].rfind("m-selftest-[pass", 0) == 0);
  CHECK(bench.Send("infer 1 0%").size() == 8);
}

TEST_CASE("outputs as numbers") {
  Bench bench;
  LoadAll(bench);
  fake::outputs[0] = {0x80, 10, 0x7f};
  CHECK(bench.Send("infer 1 0%")[6] == "m-results-[-69.000,0.000,58.500]");

  // 2^-15 apart: told apart by five decimals.
  fake::outputs[1] = BytesOf<int16_t>({-32768, 1});
  CHECK(Inferred(bench, 1) == "m-results-[-1.00000,0.00003]");
  fake::outputs[1] = BytesOf<int16_t>({-1, 32767});
  CHECK(Inferred(bench, 1) == "m-results-[-0.00003,0.99997]");

  const auto floats = [&](float a, float b) {
    fake::outputs[2] = BytesOf<float>({a, b});
    return Inferred(bench, 2);
  };
  CHECK(floats(0.5f, -0.5f) == "m-results-[0.500000000,-0.500000000]");
  CHECK(floats(-0.0f, -1e-12f) == "m-results-[0.000000000,0.000000000]");
  CHECK(floats(1e-9f, 123456.789f) == "m-results-[0.000000001,123456.789062500]");
  CHECK(floats(0.99999999999f, -16777216.0f) == "m-results-[1.000000000,-16777216.000000000]");
  CHECK(floats(1e9f, -FLT_MAX) == "m-results-[1.00000000e9,-3.40282347e38]");
  CHECK(floats(INFINITY, -INFINITY) == "m-results-[inf,-inf]");
  CHECK(floats(NAN, 999999936.0f) == "m-results-[nan,999999936.000000000]");

  fake::outputs[3] = BytesOf<int32_t>({-70000});
  CHECK(Inferred(bench, 3) == "m-results-[-70000.000]");
  fake::outputs[4] = {1, 0};
  CHECK(Inferred(bench, 4) == "m-results-[1.000,0.000]");
}
