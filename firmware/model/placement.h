// Where the large memory of a firmware lies is the board's choice, by build flags: among the static
// data, in a section of its own (-DMODEL_ARENA_SECTION=.dmabuffers), or in an ESP32's PSRAM
// (-DMODEL_ARENA_PSRAM=1), which the core's memory allocator alone can reach. MODEL_COPIES_SECTION
// and MODEL_COPIES_PSRAM do the same for what the serial commands keep of inputs and outputs.
#pragma once

#include <cstddef>
#include <cstdint>

#define MODEL_STRING_(name) #name
#define MODEL_STRING(name) MODEL_STRING_(name)
#define MODEL_IN_SECTION(name) __attribute__((section(MODEL_STRING(name))))

#if defined(MODEL_ARENA_SECTION)
#define MODEL_ARENA_ATTRIBUTE MODEL_IN_SECTION(MODEL_ARENA_SECTION)
#else
#define MODEL_ARENA_ATTRIBUTE
#endif

#if defined(MODEL_COPIES_SECTION)
#define MODEL_COPIES_ATTRIBUTE MODEL_IN_SECTION(MODEL_COPIES_SECTION)
#else
#define MODEL_COPIES_ATTRIBUTE
#endif

#if defined(MODEL_ARENA_PSRAM) || defined(MODEL_COPIES_PSRAM)
#include <esp_heap_caps.h>

namespace model {

// Zeros; null where there is no PSRAM. Called once for each purpose, and for good.
inline uint8_t* AllocatePsram(size_t bytes) {
  return static_cast<uint8_t*>(
      heap_caps_aligned_calloc(16, 1, bytes, MALLOC_CAP_SPIRAM | MALLOC_CAP_8BIT));
}

}  // namespace model
#endif
