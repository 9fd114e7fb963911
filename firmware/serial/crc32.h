// zlib's CRC-32 (reflected 0x04c11db7), half a byte at a time: 64 bytes of table.
#pragma once

#include <cstddef>
#include <cstdint>

namespace serial {

// Start with `crc` 0 and hand on what it returned for the bytes before.
inline uint32_t Crc32(uint32_t crc, const void* data, size_t n) {
  constexpr uint32_t kTable[16] = {
      0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
      0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
      0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
  };
  const uint8_t* bytes = static_cast<const uint8_t*>(data);
  crc = ~crc;
  for (size_t i = 0; i < n; ++i) {
    crc ^= bytes[i];
    crc = crc >> 4 ^ kTable[crc & 0xf];
    crc = crc >> 4 ^ kTable[crc & 0xf];
  }
  return ~crc;
}

}  // namespace serial
