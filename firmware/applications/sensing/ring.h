// A queue between one interrupt, or task, that writes and one loop() that reads. No lock, no heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sensing {

// Holds `kGroups` - 1 groups of `kGroup` values; values of a group stay together.
template <size_t kGroups, size_t kGroup>
class Ring {
 public:
  static constexpr size_t kCapacity = kGroups * kGroup;
  static_assert(kGroups > 1 && kGroup > 0 && kCapacity <= UINT32_MAX / 2, "no such ring");

  // The writer's. Takes whole groups; those that find no room are dropped and counted.
  void Write(const int16_t* values, size_t count) {
    if (count == 0) return;
    const uint32_t begin = __atomic_load_n(&begin_, __ATOMIC_ACQUIRE);
    const uint32_t end = end_;
    const size_t used = end >= begin ? end - begin : kCapacity - begin + end;
    const size_t room = kCapacity - kGroup - used;
    size_t taken = count < room ? count : room;
    taken -= taken % kGroup;
    const size_t first = taken < kCapacity - end ? taken : kCapacity - end;
    std::memcpy(values_ + end, values, first * sizeof(*values));
    std::memcpy(values_, values + first, (taken - first) * sizeof(*values));
    __atomic_store_n(&end_, Advanced(end, taken), __ATOMIC_RELEASE);
    if (taken < count) {
      const auto lost = static_cast<uint32_t>((count - taken) / kGroup);
      __atomic_store_n(&dropped_, dropped_ + lost, __ATOMIC_RELAXED);
    }
  }

  // The reader's. Returns the oldest values that lie side by side, and how many these are.
  const int16_t* Peek(size_t* count) const {
    const uint32_t end = __atomic_load_n(&end_, __ATOMIC_ACQUIRE);
    *count = end >= begin_ ? end - begin_ : kCapacity - begin_;
    return values_ + begin_;
  }

  // The reader's. Lets go of the oldest `count` values, at most as many as Peek() gave.
  void Consume(size_t count) {
    __atomic_store_n(&begin_, Advanced(begin_, count), __ATOMIC_RELEASE);
  }

  // The reader's. Lets go of all.
  void Clear() {
    const uint32_t end = __atomic_load_n(&end_, __ATOMIC_ACQUIRE);
    __atomic_store_n(&begin_, end, __ATOMIC_RELEASE);
  }

  // Groups that found no room so far; wraps around.
  uint32_t Dropped() const { return __atomic_load_n(&dropped_, __ATOMIC_RELAXED); }

 private:
  static uint32_t Advanced(uint32_t place, size_t count) {
    const size_t next = place + count;
    return static_cast<uint32_t>(next < kCapacity ? next : next - kCapacity);
  }

  uint32_t begin_ = 0;  // written by the reader alone
  uint32_t end_ = 0;    // written by the writer alone
  uint32_t dropped_ = 0;
  int16_t values_[kCapacity] = {};
};

}  // namespace sensing
