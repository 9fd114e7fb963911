// When a sensor that no interrupt serves is to be read, and what the drivers of motion sensors
// share.
#pragma once

#include <stdint.h>

// Moments at a rate: which are due, and which were missed.
class SensorSchedule {
 public:
  void Begin(uint32_t rate_hz, uint64_t now_us) {
    rate_hz_ = rate_hz;
    start_us_ = now_us;
    moments_ = 0;
  }

  // Returns whether a moment is due. Those before the last that is are missed: what is measured now
  // is not what was then.
  bool IsDue(uint64_t now_us) {
    const uint64_t passed = (now_us - start_us_) * rate_hz_ / 1000000;
    if (rate_hz_ == 0 || passed <= moments_) return false;
    missed_ += static_cast<uint32_t>(passed - moments_ - 1);
    moments_ = passed;
    return true;
  }

  uint32_t Missed() const { return missed_; }

 private:
  uint32_t rate_hz_ = 0;
  uint32_t missed_ = 0;
  uint64_t start_us_ = 0;
  uint64_t moments_ = 0;
};

// What was measured, in g or degrees a second, in steps of 1 / `per_unit`.
inline int16_t SensorCounts(float measured, float per_unit) {
  const float counts = measured * per_unit;
  if (counts >= INT16_MAX) return INT16_MAX;
  if (counts <= INT16_MIN) return INT16_MIN;
  return static_cast<int16_t>(counts < 0 ? counts - 0.5f : counts + 0.5f);
}

constexpr float kCountsPerG = 4096;
constexpr float kCountsPerDegree = 16;
