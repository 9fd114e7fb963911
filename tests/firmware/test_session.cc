// The serial commands on a model of one input and one output.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "bench.h"

using model::Status;

namespace {

std::vector<uint8_t> Ramp(size_t n) {
  std::vector<uint8_t> bytes(n);
  for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<uint8_t>(i * 7 + 3);
  return bytes;
}

bool IsError(const Lines& lines) {
  return lines.size() == 2 && lines[0].rfind("e-[", 0) == 0 && lines[0].back() == ']' &&
         lines[0].find(']') == lines[0].size() - 1 && lines[1] == "m-ready";
}

}  // namespace

TEST_CASE("start") {
  CHECK(Bench().started == Lines{"m-init-done", "m-ready"});
  CHECK(Bench(Status::kAllocateTensors).started ==
        Lines{"e-[model: allocate-tensors]", "m-init-done", "m-ready"});
}

TEST_CASE("commands that only tell") {
  Bench bench;
  CHECK(bench.Send("name%") == Lines{"m-name-dut-[esp32]", "m-ready"});
  CHECK(bench.Send("profile%") ==
        Lines{"m-profile-[ULPMark for tinyML Firmware V0.0.1]", "m-model-[kws01]", "m-ready"});
  CHECK(bench.Send("arena%") == Lines{"m-arena-[12345,24832]", "m-ready"});
  CHECK(bench.Send("hash%") == Lines{std::string("m-hash-[") + model::kSha256 + "]", "m-ready"});
  const Lines help = bench.Send("help%");
  CHECK(help.front() == "microgen 0.2.0");
  CHECK(std::count(help.begin(), help.end(), "m-ready") == 1);
  for (const char* name :
       {"help", "name", "profile", "timestamp", "db", "infer", "results", "input", "output", "crc",
        "arena", "hash", "reset", "time", "selftest"}) {
    CHECK(std::any_of(help.begin(), help.end(), [&](const std::string& line) {
      return line.rfind(std::string(name) + " ", 0) == 0;
    }));
  }
  CHECK(bench.longest_write <= 64);
}

TEST_CASE("the line that says what the firmware is") {
  Bench bench;
  serial::PrintModel();
  CHECK(bench.Send("") == Lines{std::string("microgen: kws01 on esp32, model ") + model::kSha256 +
                                ", arena 24832 bytes"});
}

TEST_CASE("time has 64 bits") {
  Bench bench;
  bench.clock = {4294967290u, 4294967300u};
  CHECK(bench.Send("timestamp%") == Lines{"m-lap-us-4294967290", "m-ready"});
  CHECK(bench.Send("timestamp%") == Lines{"m-lap-us-4294967300", "m-ready"});
  CHECK(bench.Send("timestamp%") == Lines{"m-lap-us-4294967300", "m-ready"});
}

TEST_CASE("line ends, spaces and empty commands") {
  Bench bench;
  CHECK(bench.Send("\r\n\r\n") == Lines{});
  CHECK(bench.Send("%") == Lines{"m-ready"});
  CHECK(bench.Send(" \r\n name \r\n%\r\nname%") ==
        Lines{"m-name-dut-[esp32]", "m-ready", "m-name-dut-[esp32]", "m-ready"});
  CHECK(bench.Send("na") == Lines{});
  CHECK(bench.Send("me") == Lines{});
  CHECK(bench.Send("%") == Lines{"m-name-dut-[esp32]", "m-ready"});
}

TEST_CASE("unknown commands are echoed harmlessly") {
  Bench bench;
  CHECK(bench.Send("start%") == Lines{"e-[Unknown command: start]", "m-ready"});
  CHECK(bench.Send("Name%") == Lines{"e-[Unknown command: Name]", "m-ready"});
  CHECK(bench.Send("names%") == Lines{"e-[Unknown command: names]", "m-ready"});
  CHECK(bench.Send("a]b\x01\xff\x7f%") == Lines{"e-[Unknown command: a?b???]", "m-ready"});
  CHECK(bench.Send(std::string("name\0x%", 7)) == Lines{"e-[Unknown command: name?x]", "m-ready"});
  CHECK(bench.Send(std::string(100, 'x') + "%") ==
        Lines{"e-[Unknown command: " + std::string(32, 'x') + "]", "m-ready"});
}

TEST_CASE("a command that is too long is skipped as a whole") {
  Bench bench;
  CHECK(IsError(bench.Send("name " + std::string(123, ' ') + "%")) == false);
  CHECK(bench.Send("name " + std::string(124, ' ') + "%") ==
        Lines{"e-[Command too long]", "m-ready"});
  CHECK(bench.Send(std::string(100000, 'a')) == Lines{});
  CHECK(bench.Send("%name%") ==
        Lines{"e-[Command too long]", "m-ready", "m-name-dut-[esp32]", "m-ready"});
}

TEST_CASE("loading bytes") {
  Bench bench;
  const std::vector<uint8_t> input = Ramp(490);
  CHECK(bench.Send("db load 490%") == Lines{"m-[Expecting 490 bytes]", "m-ready"});
  for (size_t i = 0; i < 465; i += 31) {
    CHECK(bench.Send("db " +
                     Bench::Hex({input.begin() + static_cast<long>(i),
                                 input.begin() + static_cast<long>(i) + 31}) +
                     "%") == Lines{"m-ready"});
  }
  CHECK(bench.Send("crc%")[0].rfind("m-crc-[0,490,465,", 0) == 0);
  CHECK(bench.Send("infer%") == Lines{"e-[Input 0 is not loaded]", "m-ready"});
  // More digits than are left are disregarded.
  CHECK(bench.Send("db " + Bench::Hex({input.begin() + 465, input.end()}) + "FFFF%") ==
        Lines{"m-load-done", "m-ready"});
  CHECK(bench.Send("db 00%") == Lines{"e-[No bytes expected, 'db load' comes first]", "m-ready"});
  CHECK(bench.Send("crc%") == Lines{"m-crc-[0,490,490,d36ffe52]", "m-ready"});

  const Lines print = bench.Send("db print%");
  REQUIRE(print.size() == 63);
  CHECK(print[0] == "m-buffer-03-0a-11-18-1f-26-2d-34");
  CHECK(print[61] == "m-buffer-5b-62");
  bench.Send("infer 1 0%");
  CHECK(fake::inferred == std::vector<std::vector<uint8_t>>{input});
}

TEST_CASE("the CRC is zlib's") {
  Bench bench;
  CHECK(bench.Send("crc%") == Lines{"m-crc-[0,0,0,00000000]", "m-ready"});
  bench.Send("db load 490%");
  bench.Send("db 313233343536373839%");
  CHECK(bench.Send("crc%") == Lines{"m-crc-[0,490,9,cbf43926]", "m-ready"});
  bench.Send("db load 490%");
  CHECK(bench.Send("crc%") == Lines{"m-crc-[0,490,0,00000000]", "m-ready"});
}

TEST_CASE("a bad line of bytes changes nothing and can be sent again") {
  Bench bench;
  CHECK(IsError(bench.Send("db 00%")));
  bench.Send("db load 490%");
  CHECK(bench.Send("db 0102030%") == Lines{"e-[Odd number of hex digits]", "m-ready"});
  CHECK(bench.Send("db 01020g%") == Lines{"e-[Invalid hex digit '0g']", "m-ready"});
  CHECK(bench.Send("db 01]2%") == Lines{"e-[Invalid hex digit '?2']", "m-ready"});
  CHECK(bench.Send("db \xff\xff%") == Lines{"e-[Invalid hex digit '?\?']", "m-ready"});
  CHECK(bench.Send("crc%") == Lines{"m-crc-[0,490,0,00000000]", "m-ready"});
  CHECK(bench.Send("db aBcD%") == Lines{"m-ready"});
  CHECK(bench.Send("db print%")[0].rfind("m-buffer-ab-cd-", 0) == 0);
}

TEST_CASE("a refused load leaves the input as it is") {
  Bench bench;
  bench.Load(0, Ramp(490));
  CHECK(bench.Send("db%") == Lines{"e-[Command 'db' requires a subcommand]", "m-ready"});
  CHECK(bench.Send("db load%") ==
        Lines{"e-[Command 'db load' requires the # of bytes]", "m-ready"});
  const Lines refused = {"e-[Command 'db load' takes 490 bytes, or 1960 as float32]", "m-ready"};
  for (const char* size : {"0", "489", "491", "-490", "490x", "x", "4294967786", "4294967786",
                           "18446744073709552106", "99999999999999999999999999999999"}) {
    CHECK(bench.Send(std::string("db load ") + size + "%") == refused);
  }
  CHECK(bench.Send("db 00%").size() == 2);
  bench.Send("infer 1 0%");
  CHECK(fake::inferred == std::vector<std::vector<uint8_t>>{Ramp(490)});
}

TEST_CASE("floats are quantized as they arrive") {
  Bench bench;
  std::vector<float> values(490, 0.0f);
  values[0] = 0.584702909f;
  values[1] = -100.0f;
  values[2] = 1e30f;
  values[3] = NAN;
  values[489] = -1e30f;
  bench.Load(0, BytesOf(values));
  std::vector<uint8_t> expected(490, 83);
  expected[0] = 84;
  expected[1] = static_cast<uint8_t>(-88);
  expected[2] = 127;
  expected[489] = 0x80;
  CHECK(bench.Send("infer 1 0%").size() == 8);
  CHECK(fake::inferred == std::vector<std::vector<uint8_t>>{expected});
  CHECK(bench.Send("crc%")[0].rfind("m-crc-[0,1960,1960,", 0) == 0);
}

TEST_CASE("infer") {
  Bench bench;
  CHECK(bench.Send("results%") == Lines{"e-[No inference yet]", "m-ready"});
  CHECK(bench.Send("output%") == Lines{"e-[No inference yet]", "m-ready"});
  bench.Load(0, Ramp(490));
  fake::outputs[0] = {0x80, 0x7f, 0x00, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0xff};
  bench.clock = {1000, 51000};
  const std::string results =
      "m-results-[0.000,0.996,0.500,0.004,0.000,0.000,0.000,0.000,0.000,0.000,0.000,0.496]";
  CHECK(bench.Send("infer 3 2%") == Lines{"m-warmup-start-2", "m-warmup-done", "m-infer-start-3",
                                          "m-lap-us-1000", "m-lap-us-51000", "m-infer-done",
                                          results, "m-ready"});
  // The input is there anew before each, whatever the model does to it.
  CHECK(fake::inferred == std::vector<std::vector<uint8_t>>(5, Ramp(490)));
  CHECK(bench.Send("results%") == Lines{results, "m-ready"});
  CHECK(bench.Send("results 0%") == Lines{results, "m-ready"});
  CHECK(bench.Send("output 0%") ==
        Lines{"m-output-[0,12,807f008180808080808080ff,69700aa9,d36ffe52,5]", "m-ready"});
}

TEST_CASE("how often to infer") {
  Bench bench;
  bench.Load(0, Ramp(490));
  bench.Send("infer%");
  CHECK(fake::inferred.size() == 1 + 10);
  fake::inferred.clear();
  bench.Send("infer 5%");
  CHECK(fake::inferred.size() == 5 + 10);
  fake::inferred.clear();
  for (const char* count :
       {"0", "-1", "x", "1x", "1000001", "4294967297", "18446744073709551617"}) {
    CHECK(bench.Send(std::string("infer ") + count + "%") ==
          Lines{"e-[Inference iterations must be 1 to 1000000]", "m-ready"});
  }
  for (const char* count : {"-1", "x", "1000001", "4294967296"}) {
    CHECK(bench.Send(std::string("infer 1 ") + count + "%") ==
          Lines{"e-[Inference warmup must be 0 to 1000000]", "m-ready"});
  }
  CHECK(fake::inferred.empty());
}

TEST_CASE("a model that fails is named") {
  Bench bench;
  bench.Load(0, Ramp(490));
  bench.Send("infer 1 0%");
  fake::invoke = Status::kInvoke;
  CHECK(bench.Send("infer 1 1%") == Lines{"m-warmup-start-1", "e-[model: invoke]", "m-ready"});
  CHECK(bench.Send("infer 1 0%").back() == "m-ready");
  CHECK(bench.Send("results%") == Lines{"e-[No inference yet]", "m-ready"});
  fake::invoke = Status::kOk;
  fake::set_input = Status::kSize;
  CHECK(bench.Send("infer 1 1%") == Lines{"m-warmup-start-1", "e-[model: size]", "m-ready"});
  fake::reset = Status::kReset;
  CHECK(bench.Send("reset%") == Lines{"e-[model: reset]", "m-ready"});
}

TEST_CASE("a model that never came up says why each time") {
  Bench bench(Status::kTensorMismatch);
  fake::set_input = fake::reset = Status::kNotInitialised;
  bench.Load(0, Ramp(490));
  CHECK(bench.Send("infer 1 1%") ==
        Lines{"m-warmup-start-1", "e-[model: tensor-mismatch]", "m-ready"});
  CHECK(bench.Send("output%") == Lines{"e-[model: tensor-mismatch]", "m-ready"});
  CHECK(bench.Send("results%") == Lines{"e-[model: tensor-mismatch]", "m-ready"});
  CHECK(bench.Send("reset%") == Lines{"e-[model: tensor-mismatch]", "m-ready"});
}

TEST_CASE("reset") {
  Bench bench;
  CHECK(bench.Send("reset%") == Lines{"m-reset-done", "m-ready"});
  CHECK(fake::resets == 1);
}

TEST_CASE("an output tells which inputs gave it, and how many inferences since the reset") {
  Bench bench;
  const auto runs = [&] {
    const std::string line = bench.Send("output%")[0];
    return line.substr(line.rfind(',') + 1);
  };
  bench.Load(0, Ramp(490));
  bench.Send("infer 2 3%");
  CHECK(runs() == "5]");
  bench.Send("time 4 1%");
  CHECK(runs() == "10]");
  fake::reset = Status::kReset;
  bench.Send("reset%");
  CHECK(runs() == "10]");
  fake::reset = Status::kOk;
  bench.Send("reset%");
  bench.Send("infer 1 0%");
  CHECK(runs() == "1]");

  // Loading other bytes does not change what the last inference was of.
  const Lines before = bench.Send("output%");
  CHECK(before[0].find(",d36ffe52,") != std::string::npos);
  bench.Load(0, std::vector<uint8_t>(490, 0));
  CHECK(bench.Send("output%") == before);
  bench.Send("infer 1 0%");
  CHECK(bench.Send("output%")[0].find("," + Bench::Crc(std::string(490, '\0')) + ",") !=
        std::string::npos);
}

TEST_CASE("each inference timed by itself") {
  Bench bench;
  CHECK(bench.Send("time 2 0%") == Lines{"e-[Input 0 is not loaded]", "m-ready"});
  bench.Load(0, Ramp(490));
  bench.clock = {100, 107, 200, 230, 4294967290u, 4294967300u};
  CHECK(bench.Send("time 3 2%") == Lines{"m-times-us-[7,30,10]", "m-ready"});
  CHECK(fake::inferred.size() == 5);
  CHECK(bench.Send("time 0%") == Lines{"e-[Inference iterations must be 1 to 1000000]", "m-ready"});
  fake::invokes_left = 1;
  CHECK(bench.Send("time 3 0%") == Lines{"m-times-us-[0]", "e-[model: invoke]", "m-ready"});
  CHECK(bench.Send("time 3 0%") == Lines{"e-[model: invoke]", "m-ready"});
  CHECK(bench.Send("output%") == Lines{"e-[No inference yet]", "m-ready"});
}

TEST_CASE("self-test") {
  Bench bench;
  bench.Load(0, Ramp(490));
  bench.Send("infer 1 0%");
  fake::inferred.clear();
  CHECK(bench.Send("selftest%") == Lines{"m-selftest-[pass,2]", "m-ready"});
  REQUIRE(fake::inferred.size() == 2);
  CHECK(fake::inferred[0][0] == 1);
  CHECK(fake::inferred[1][0] == 2);
  // The outputs in the model are now the golden vectors'.
  CHECK(bench.Send("output%") == Lines{"e-[No inference yet]", "m-ready"});

  fake::outputs[0][7] = 200;
  CHECK(bench.Send("selftest%") == Lines{"m-selftest-[fail,0,0,7,200,0]", "m-ready"});
  fake::invokes_left = 0;
  CHECK(bench.Send("selftest%") == Lines{"e-[model: invoke]", "m-ready"});
  fake::reset = Status::kReset;
  CHECK(bench.Send("selftest%") == Lines{"e-[model: reset]", "m-ready"});
}

TEST_CASE("a checked command is carried out only if it arrived whole, and its answer is sealed") {
  Bench bench;
  const Lines name = {"m-name-dut-[esp32]"};
  CHECK(bench.Send(Bench::Checked("7f", "name")) ==
        Lines{name[0], Bench::Seal("7f", name), "m-ready"});
  CHECK(bench.Send("#8a6fb3b4 1%").size() == 2);  // not its CRC
  CHECK(bench.Send(Bench::Checked("1", "")) == Lines{Bench::Seal("1", {}), "m-ready"});
  const Lines unknown = {"e-[Unknown command: nonsense]"};
  CHECK(bench.Send(Bench::Checked("2", "nonsense")) ==
        Lines{unknown[0], Bench::Seal("2", unknown), "m-ready"});
  const Lines times = bench.Send("timestamp%" + Bench::Checked("3", "hash"));
  CHECK(times[3] == Bench::Seal("3", {times[2]}));

  const Lines damaged = {"e-[Damaged command]", "m-ready"};
  for (const char* text :
       {"#%", "# %", "#0%", "#00000000x 1%", "#zzzzzzzz 1 name%", "#123456789 1%"}) {
    CHECK(bench.Send(text) == damaged);
  }
  CHECK(bench.Send("#00000000%") == Lines{"e-[Checked command without a tag]", "m-ready"});
  CHECK(bench.Send("#" + Bench::Crc("a]b") + " a]b%")[0].rfind("m-check-[a?b,", 0) == 0);

  // With a wrong, lost or doubled byte it is not. Behind the CRC, that is: in front of it, a space
  // may become a tab, and a digit a capital, and the command is still whole.
  const std::string reset = Bench::Checked("12", "reset");
  fake::resets = 0;
  for (size_t i = reset.find(' ') + 1; i + 1 < reset.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text = reset;
      if (static_cast<char>(byte) == text[i]) continue;
      text[i] = static_cast<char>(byte);
      bench.Send(text + "%%");
    }
    std::string dropped = reset;
    bench.Send(dropped.erase(i, 1));
    std::string doubled = reset;
    bench.Send(doubled.insert(i, 1, reset[i]));
  }
  // A `%` in one of two places cuts a bare `reset` off its envelope, in an answer without a seal.
  // That is why an output tells of what it is.
  CHECK(fake::resets == 2);
}

TEST_CASE("indices") {
  Bench bench;
  CHECK(bench.Send("input%") == Lines{"m-input-[0,490]", "m-ready"});
  CHECK(bench.Send("input 0%") == Lines{"m-input-[0,490]", "m-ready"});
  for (const char* command : {"input ", "output ", "results "}) {
    for (const char* index : {"1", "-1", "x", "4294967296"}) {
      CHECK(bench.Send(std::string(command) + index + "%") ==
            Lines{"e-[Index must be 0 to 0]", "m-ready"});
    }
  }
}

TEST_CASE("any garbage is answered, and `name%` works after it") {
  Bench bench;
  std::mt19937 random(1);
  const std::string words[] = {"db ",     "load ", "490", "1960", "print", "infer 1 1", "input 0",
                               "output ", "%",     " ",   "\r\n", "0011",  "crc",       "name"};
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    size_t terminators = 0;
    const size_t pieces = random() % 12;
    for (size_t i = 0; i < pieces; ++i) {
      if (random() % 3 == 0) {
        text += static_cast<char>(random() % 256);
      } else {
        text += words[random() % std::size(words)];
      }
    }
    terminators = static_cast<size_t>(std::count(text.begin(), text.end(), '%'));
    const Lines answer = bench.Send(text);
    REQUIRE(static_cast<size_t>(std::count(answer.begin(), answer.end(), "m-ready")) ==
            terminators);
    const Lines after = bench.Send("%name%");
    REQUIRE(after.size() >= 2);
    REQUIRE(after[after.size() - 2] == "m-name-dut-[esp32]");
    if (!answer.empty()) REQUIRE(answer.back() == "m-ready");
  }
}

TEST_CASE("a model without labels says so") {
  Bench bench;
  CHECK(bench.Send("label%") == Lines{"e-[The model has no labels]", "m-ready"});
}
