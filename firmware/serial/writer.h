// Text output in lines, to platform_write(), from a small buffer and without printf, whose %f many
// board libraries lack.
#pragma once

#include <cstddef>
#include <cstdint>

namespace serial {

class Writer {
 public:
  // Each returns the writer, so that a line reads as one expression.
  Writer& Char(char c);
  Writer& Text(const char* text);
  Writer& Quoted(const char* text);  // somebody else's text: bounded, and cannot close a `[...]`
  Writer& Unsigned(uint64_t value, int min_digits = 1);
  Writer& Decimal(float value, int decimals);  // 0 to 12 decimals; from 1e9 on with an exponent
  Writer& Hex(uint32_t value, int digits);
  void Line();  // ends the line and hands over what is buffered

  // A CRC-32 over all that is written from here on, known after each Line().
  void StartCrc(uint32_t crc) { crc_ = crc; }
  uint32_t CrcOfLines() const { return crc_; }

 private:
  void Flush();

  char buffer_[64] = {};  // a full-speed USB packet
  size_t size_ = 0;
  uint32_t crc_ = 0;
};

}  // namespace serial
