// From the scores of one inference after another to what is detected, in integers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sensing {

constexpr uint32_t kOne = 65536;  // the score 1

// When a class is detected.
struct Rule {
  uint32_t cutoff;       // that its mean score is above; 65536 is 1
  uint32_t consecutive;  // so many inferences in a row, the largest of all classes
  uint32_t refractory;   // inferences after a detection, in which there is no other
};

// The mean of the last `kAverage` scores of each of `kClasses` classes, and what follows from it.
template <size_t kClasses, size_t kAverage>
class Detector {
 public:
  static_assert(kClasses > 0 && kAverage > 0 && kAverage <= UINT16_MAX, "no such detector");

  void Reset() { *this = Detector(); }

  // Takes the scores of an inference. Returns the class that is detected, -1 for none. Classes for
  // which `ignored` is true are never detected, whatever they score.
  int Push(const uint32_t* scores, const bool* ignored, const Rule& rule) {
    size_t best = 0;
    for (size_t i = 0; i < kClasses; ++i) {
      sums_[i] += scores[i];
      sums_[i] -= scores_[i][next_];
      scores_[i][next_] = scores[i];
      if (sums_[i] > sums_[best]) best = i;
    }
    next_ = next_ + 1 < kAverage ? next_ + 1 : 0;
    if (known_ < kAverage) ++known_;
    if (quiet_ > 0) {
      --quiet_;
      return -1;
    }
    if (known_ < kAverage || ignored[best] || sums_[best] <= uint64_t{rule.cutoff} * kAverage) {
      row_ = 0;
      return -1;
    }
    row_ = best == last_ ? row_ + 1 : 1;
    last_ = best;
    if (row_ < rule.consecutive) return -1;
    row_ = 0;
    quiet_ = rule.refractory;
    return static_cast<int>(best);
  }

  // The last score of a class.
  uint32_t Last(size_t index) const { return scores_[index][next_ > 0 ? next_ - 1 : kAverage - 1]; }

  // The mean score of a class; 65536 is 1.
  uint32_t Mean(size_t index) const {
    return known_ > 0 ? static_cast<uint32_t>(sums_[index] / known_) : 0;
  }

 private:
  uint32_t scores_[kClasses][kAverage] = {};
  uint64_t sums_[kClasses] = {};
  size_t next_ = 0;
  size_t known_ = 0;
  size_t last_ = 0;
  uint32_t row_ = 0;
  uint32_t quiet_ = 0;
};

}  // namespace sensing
