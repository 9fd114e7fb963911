// The queue between a sensor's interrupt and loop(), under ThreadSanitizer: one thread writes,
// another reads.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "ring.h"

TEST_CASE("the queue gives what was written, in its order, and counts what found no room") {
  std::mt19937 random(1);
  auto ring = std::make_unique<sensing::Ring<7, 3>>();
  std::deque<int16_t> expected;
  uint32_t dropped = 0;
  int16_t next = 0;
  for (int i = 0; i < 20000; ++i) {
    std::vector<int16_t> values(3 * (random() % 6));
    for (int16_t& value : values) value = next++;
    ring->Write(values.data(), values.size());
    const size_t taken = std::min(values.size(), 18 - expected.size());
    expected.insert(expected.end(), values.begin(), values.begin() + static_cast<long>(taken));
    dropped += static_cast<uint32_t>((values.size() - taken) / 3);
    REQUIRE(ring->Dropped() == dropped);
    size_t count = 0;
    const int16_t* found = ring->Peek(&count);
    REQUIRE((count > 0) == !expected.empty());
    count = 3 * (random() % (count / 3 + 1));
    for (size_t k = 0; k < count; ++k, expected.pop_front()) REQUIRE(found[k] == expected.front());
    ring->Consume(count);
  }
  ring->Clear();
  size_t count = 1;
  ring->Peek(&count);
  CHECK(count == 0);
}

// Writes groups of kGroup values that count up, in blocks as a driver's buffer gives them, while
// this thread reads; `slow`: the reader sleeps now and then, so that the queue overruns.
template <size_t kGroups, size_t kGroup>
void CheckTogether(bool slow) {
  auto ring = std::make_unique<sensing::Ring<kGroups, kGroup>>();
  constexpr uint32_t kAll = 60000;  // groups: fewer than an int16_t tells apart
  std::thread writer([&] {
    std::mt19937 random(2);
    std::vector<int16_t> block;
    for (uint32_t i = 0; i < kAll;) {
      block.clear();
      for (uint32_t more = std::min(kAll - i, 1 + static_cast<uint32_t>(random() % 16)); more > 0;
           --more, ++i) {
        block.insert(block.end(), kGroup, static_cast<int16_t>(i));
      }
      ring->Write(block.data(), block.size());
      if (!slow && random() % 8 == 0) std::this_thread::yield();
    }
  });
  uint32_t got = 0;
  uint32_t calls = 0;
  int32_t last = -1;
  bool whole = true;
  while (got + ring->Dropped() < kAll) {
    size_t count = 0;
    const int16_t* values = ring->Peek(&count);
    for (size_t i = 0; i < count; i += kGroup) {
      const int32_t value = static_cast<uint16_t>(values[i]);
      whole = whole && value > last;  // in their order, and none twice
      for (size_t k = 1; k < kGroup; ++k) whole = whole && values[i + k] == values[i];
      last = value;
    }
    ring->Consume(count);
    got += static_cast<uint32_t>(count / kGroup);
    if (slow && ++calls % 16 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  writer.join();
  CHECK(whole);
  CHECK(got + ring->Dropped() == kAll);  // what is not there was counted
  if (slow) CHECK(ring->Dropped() > 0);
}

TEST_CASE("a writer and a reader at the same time lose nothing unseen") {
  CheckTogether<64, 1>(false);
  CheckTogether<64, 3>(false);
}

TEST_CASE("a reader that is too slow gets whole moments, and each lost one is counted") {
  CheckTogether<64, 1>(true);
  CheckTogether<8, 161>(true);
}
