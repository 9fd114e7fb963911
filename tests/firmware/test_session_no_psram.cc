// The serial commands of a firmware whose copies of inputs and outputs belong in PSRAM, on a board
// that has none.
#include <doctest/doctest.h>

#include "bench.h"

TEST_CASE("without memory for the copies, commands that need them report it") {
  const std::string missing = "e-[model: no-memory-for-the-copies]";
  Bench bench;
  CHECK(bench.started == Lines{missing, "m-init-done", "m-ready"});
  for (const std::string command : {"db load 3%", "db print%", "results%", "output 0%"}) {
    CAPTURE(command);
    CHECK(bench.Send(command) == Lines{missing, "m-ready"});
  }
  CHECK(bench.Send("infer%") == Lines{"e-[Input 0 is not loaded]", "m-ready"});
  CHECK(fake::inferred.empty());
}

TEST_CASE("a model that failed is reported first") {
  CHECK(Bench(model::Status::kAllocateTensors).Send("results%") ==
        Lines{"e-[model: allocate-tensors]", "m-ready"});
}
