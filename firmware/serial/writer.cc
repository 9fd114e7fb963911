#include "writer.h"

#include <cfloat>

#include "crc32.h"
#include "platform.h"

namespace serial {

Writer& Writer::Char(char c) {
  if (size_ == sizeof(buffer_)) Flush();
  buffer_[size_++] = c;
  return *this;
}

Writer& Writer::Text(const char* text) {
  while (*text != '\0') Char(*text++);
  return *this;
}

Writer& Writer::Quoted(const char* text) {
  constexpr int kLongest = 32;
  for (int i = 0; i < kLongest && text[i] != '\0'; ++i) {
    const bool plain = text[i] >= ' ' && text[i] <= '~' && text[i] != ']';
    Char(plain ? text[i] : '?');
  }
  return *this;
}

Writer& Writer::Unsigned(uint64_t value, int min_digits) {
  char digits[20];  // of the largest uint64_t
  int n = 0;
  do {
    digits[n++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0 || n < min_digits);
  while (n > 0) Char(digits[--n]);
  return *this;
}

Writer& Writer::Decimal(float value, int decimals) {
  if (value != value) return Text("nan");
  double magnitude = value < 0 ? -double{value} : double{value};
  if (magnitude > double{FLT_MAX}) return Text(value < 0 ? "-inf" : "inf");

  int exponent = 0;
  if (magnitude >= 1e9) {
    while (magnitude >= 10) {
      magnitude /= 10;
      ++exponent;
    }
    decimals = 8;  // with the digit before the point, all that a float can tell apart
  }
  uint64_t unit = 1;
  for (int i = 0; i < decimals; ++i) unit *= 10;
  auto whole = static_cast<uint64_t>(magnitude);
  auto fraction = static_cast<uint64_t>(
      (magnitude - static_cast<double>(whole)) * static_cast<double>(unit) + 0.5);
  if (fraction == unit) {
    ++whole;
    fraction = 0;
  }
  if (value < 0 && (whole != 0 || fraction != 0)) Char('-');
  Unsigned(whole);
  if (decimals > 0) Char('.').Unsigned(fraction, decimals);
  if (exponent > 0) Char('e').Unsigned(static_cast<uint64_t>(exponent));
  return *this;
}

Writer& Writer::Hex(uint32_t value, int digits) {
  while (digits-- > 0) Char("0123456789abcdef"[value >> (4 * digits) & 0xf]);
  return *this;
}

void Writer::Line() {
  Text("\r\n");
  Flush();
}

void Writer::Flush() {
  crc_ = Crc32(crc_, buffer_, size_);
  platform_write(reinterpret_cast<const uint8_t*>(buffer_), size_);
  size_ = 0;
}

}  // namespace serial
