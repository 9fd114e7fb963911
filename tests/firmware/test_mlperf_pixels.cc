// The serial commands of MLPerf Tiny's image tasks.
#include <doctest/doctest.h>

#include "application.h"
#include "bench.h"

TEST_CASE("uint8 pixels are shifted, raw bytes and floats are not") {
  Bench bench(model::Status::kOk, application::kHooks);
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
