// The serial commands of MLPerf Tiny's anomaly detection.
#include <doctest/doctest.h>

#include "application.h"
#include "bench.h"

TEST_CASE("the result of an autoencoder is its mean squared error against what was loaded") {
  Bench bench(model::Status::kOk, application::kHooks);
  fake::outputs[0] = {1, 5, 0xfd, 0xf9};  // 1.0, 2.0, 0.0, -1.0
  // 0.2 is not a value that the input can take: the error is against the number itself.
  bench.Load(0, BytesOf<float>({0.2f, 2.0f, 2.0f, -1.0f}));
  CHECK(bench.Send("infer 1 0%")[6] == "m-results-[1.160000]");
  for (const char* load : {"db load 4 raw%", "db load 4%"}) {
    bench.Send(load + std::string("db 0a0e0e08%"));  // 0.0, 2.0, 2.0, -1.0
    CHECK(bench.Send("infer 1 0%")[6] == "m-results-[1.250000]");
  }
  CHECK(bench.Send("results%")[0] == "m-results-[1.250000]");
  CHECK(bench.Send("output%")[0].rfind("m-output-[0,4,0105fdf9,", 0) == 0);
}
