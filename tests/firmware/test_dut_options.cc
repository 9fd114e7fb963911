// The serial commands with every option of the configuration on.
#include <doctest/doctest.h>

#include "bench.h"

TEST_CASE("the golden vectors run at boot") {
  CHECK(Bench().started == Lines{"m-selftest-[pass,2]", "m-init-done", "m-ready"});
  CHECK(Bench(model::Status::kAllocateTensors).started ==
        Lines{"e-[model: allocate-tensors]", "m-init-done", "m-ready"});
}

TEST_CASE("uint8 pixels are shifted, raw bytes and floats are not") {
  Bench bench;
  CHECK(bench.Send("db load 4%db 007f80ff%")[2] == "m-load-done");
  CHECK(bench.Send("db print%")[0] == "m-buffer-80-ff-00-7f");
  // The transfer is checked as it was sent.
  CHECK(bench.Send("crc%")[0] == "m-crc-[0,4,4,686887b7]");
  CHECK(bench.Send("db load 4 raw%db 007f80ff%")[2] == "m-load-done");
  CHECK(bench.Send("db print%")[0] == "m-buffer-00-7f-80-ff");
  bench.Load(0, BytesOf<float>({0.0f, 1.0f, -0.5f, 100.0f}));
  CHECK(bench.Send("db print%")[0] == "m-buffer-0a-0c-09-7f");
  const Lines refused = {"e-[After the # of bytes of the tensor itself only 'raw' may follow]",
                         "m-ready"};
  CHECK(bench.Send("db load 16 raw%") == refused);
  CHECK(bench.Send("db load 4 cooked%") == refused);
}

TEST_CASE("the result of an autoencoder is its mean squared error against what was loaded") {
  Bench bench;
  fake::outputs[0] = {1, 5, 0xfd, 0xf9};  // 1.0, 2.0, 0.0, -1.0
  // 0.2 is not a value that the input can take: the error is against the number itself.
  bench.Load(0, BytesOf<float>({0.2f, 2.0f, 2.0f, -1.0f}));
  CHECK(bench.Send("infer 1 0%")[6] == "m-results-[1.160000]");
  bench.Send("db load 4 raw%db 0a0e0e08%");  // 0.0, 2.0, 2.0, -1.0
  CHECK(bench.Send("infer 1 0%")[6] == "m-results-[1.250000]");
  CHECK(bench.Send("results%")[0] == "m-results-[1.250000]");
  CHECK(bench.Send("output%")[0].rfind("m-output-[0,4,0105fdf9,", 0) == 0);
}
