// The words of a command as numbers.
#pragma once

#include <cstdint>

namespace serial {

inline bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Cuts the next word out of a text, and puts `*cursor` behind it; null at its end.
const char* CutWord(char** cursor);

inline bool ParseUnsigned(const char* word, uint32_t* value) {
  uint64_t sum = 0;
  for (const char* c = word; *c != '\0'; ++c) {
    if (*c < '0' || *c > '9') return false;
    sum = sum * 10 + static_cast<uint64_t>(*c - '0');
    if (sum > UINT32_MAX) return false;
  }
  *value = static_cast<uint32_t>(sum);
  return true;
}

inline int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

inline bool ParseCrc(const char* word, uint32_t* value) {
  *value = 0;
  for (int i = 0; i < 8; ++i) {
    const int digit = HexDigit(word[i]);
    if (digit < 0) return false;
    *value = *value << 4 | static_cast<uint32_t>(digit);
  }
  return word[8] == '\0';
}

}  // namespace serial
