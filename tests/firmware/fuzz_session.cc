// A libFuzzer target: any bytes, sent in pieces, and then a valid session. corpus/ has the seeds.
// The first byte of an input says how large the pieces are.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "bench.h"

namespace {

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  Bench bench;
  // Enough for any path, too little for `infer 1000000` to take its time.
  fake::invokes_left = 100;
  const size_t piece = 1 + *data;
  const std::string text(data + 1, data + size);
  size_t ready = 0;
  for (size_t i = 0; i < text.size(); i += piece) {
    for (const std::string& line : bench.Send(text.substr(i, piece))) {
      ready += line == "m-ready";
      for (const char c : line) Require(c >= ' ' && c <= '~', "answers are printable");
    }
  }
  Require(ready == static_cast<size_t>(std::count(text.begin(), text.end(), '%')),
          "each command is answered by one m-ready");

  // Ends what is begun: a whole command may stand before it, and runs now.
  bench.Send("%");
  fake::Clear();
  Require(bench.Send("reset%").back() == "m-ready", "it comes back to m-ready");
  std::vector<uint8_t> all;
  for (size_t k = 0; k < model::kInputCount; ++k) {
    const std::vector<uint8_t> bytes(model::kInputs[k].bytes, static_cast<uint8_t>(k + 1));
    all.insert(all.end(), bytes.begin(), bytes.end());
    bench.Load(k, bytes);
  }
  bench.Send("infer 1 0%");
  Require(fake::inferred == std::vector<std::vector<uint8_t>>{all},
          "the model gets what was loaded");
  const std::string output = bench.Send("output 0%")[0];
  const std::string end = "," + Bench::Crc({all.begin(), all.end()}) + ",1]";
  Require(output.size() > end.size() && output.substr(output.size() - end.size()) == end,
          "the output tells of the inputs and of one inference");
  return 0;
}
