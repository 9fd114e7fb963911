// SHA-256 (FIPS 180-4) of bytes in memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace model {

// Writes the 32 bytes of the hash.
void Sha256(const uint8_t* bytes, size_t n, uint8_t* hash);

}  // namespace model
