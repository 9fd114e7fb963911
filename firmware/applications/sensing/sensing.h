// From a sensor to an action: values come from an interrupt into a queue, frames of features are
// made of them, the model infers on the last ones, its scores are smoothed, and what is detected is
// told.
//
// It has the model while no serial command comes: Pause() when one does. All memory is static.
#pragma once

#include <cstddef>
#include <cstdint>

#include "writer.h"

namespace sensing {

// Takes a detection: the label, and its mean score, 0 to 1.
using OnDetection = void (*)(const char* label, float score);

// Starts the sensor. Returns a null pointer, or why nothing will be detected.
const char* Begin(OnDetection on_detection);

// Call it in every loop(): works off what has come, and infers at most once.
void Loop();

// Leaves the model to the serial commands until none has come for ten seconds; what the sensor
// gives until then is not looked at.
void Pause();

// For the command `selftest`: makes the inputs of golden vector 0 of the values that the host made
// them of, and compares every byte. Forgets what was heard.
bool SelfTest(serial::Writer* out);

// The command `sensor`, by which a recording comes in place of the sensor's values: as fast as the
// model works it off, so that nothing of it is lost. docs/protocol.md describes it.
bool Command(const char* name, char* rest, serial::Writer* out);
inline constexpr char kHelp[] =
    "sensor start : Take a recording in place of the sensor's values\r\n"
    "sensor N HH* : Step N from 0: its next bytes in hex, 16-bit values, up to the next frame\r\n"
    "sensor stop  : Listen to the sensor again";

// Moments whose values were lost since it began to listen, because the model takes longer than the
// queue lasts.
uint32_t Lost();

}  // namespace sensing
