// The serial commands of a firmware whose golden vectors run at boot.
#include <doctest/doctest.h>

#include "bench.h"

TEST_CASE("the golden vectors run at boot") {
  CHECK(Bench().started == Lines{"m-selftest-[pass,2]", "m-init-done", "m-ready"});
  CHECK(Bench(model::Status::kAllocateTensors).started ==
        Lines{"e-[model: allocate-tensors]", "m-init-done", "m-ready"});
}
