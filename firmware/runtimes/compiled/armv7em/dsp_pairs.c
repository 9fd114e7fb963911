#include "dsp_pairs.h"

#include "dsp_compact.h"

void mg_pair_table(void* table, const int8_t* book) {
  uint32_t* to = table;
  for (int32_t high = 0; high < 16; high++)
    for (int32_t low = 0; low < 16; low++)
      *to++ = (uint32_t)(uint16_t)book[low] | (uint32_t)book[high] << 16;
}
