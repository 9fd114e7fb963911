// A platform that tests look into: what was written, and which time it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fake {

inline std::string sent;
inline size_t longest_write = 0;
inline std::vector<uint64_t> clock = {0};  // the times that follow each other; the last one stays

}  // namespace fake
