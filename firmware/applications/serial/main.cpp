// Your firmware. microgen wrote this file once and leaves it to you: change what you like.
//
// As it is, it answers the serial commands with which microgen verifies and times the model: type
// `help%` in a serial monitor.
#ifndef PIO_UNIT_TESTING

#include "application.h"
#include "model_config.h"
#include "model_runner.h"
#include "platform.h"
#include "session.h"

#if defined(ARDUINO) || defined(MICROGEN_HOST)
#include <Arduino.h>
#endif

namespace {

serial::Session g_session;

// Runs between the operators of an inference. Once a second the other tasks get a turn: on an ESP32
// the idle task, which feeds the watchdog that would restart the chip after five seconds. A
// watchdog of your own is fed here, too.
void KeepAlive() {
  static uint64_t last_us = 0;
  if (platform_micros() - last_us < 1000000) return;
  platform_delay_ms(1);
  last_us = platform_micros();
}

}  // namespace

void setup() {
  platform_begin();
  serial::PrintModel();

  const model::Status status = model::Init(KeepAlive);

#ifdef LED_BUILTIN
  // A sign of life: the LED comes on when the model is ready.
  pinMode(LED_BUILTIN, OUTPUT);
  digitalWrite(LED_BUILTIN, status == model::Status::kOk ? HIGH : LOW);
#endif

  g_session.Begin(status, application::kHooks);
}

void loop() {
  uint8_t received[64];
  g_session.Feed(received, platform_read(received, sizeof(received)));

  // Your application goes here. Read a sensor, turn its values into the model's input, infer, use
  // the outputs; for a quantized model (model_config.h knows its inputs and outputs) like so:
  //
  //   static uint8_t input[model::kInputs[0].bytes];
  //   for (size_t i = 0; i < model::kInputs[0].elements; ++i) {
  //     model::Quantize(model::kInputs[0], ReadSensor(),
  //                     input + i * model::ElementBytes(model::kInputs[0]));
  //   }
  //   const uint8_t* output;
  //   size_t bytes;
  //   if (model::SetInput(0, input, sizeof(input)) == model::Status::kOk &&
  //       model::Invoke() == model::Status::kOk &&
  //       model::Output(0, &output, &bytes) == model::Status::kOk) {
  //     const float first = model::Dequantize(model::kOutputs[0], output, 0);
  //   }
  //
  // It may run while microgen verifies: the commands keep their own inputs and outputs. Only a
  // model that keeps a state between inferences (model::kStateful) has one state for both; the
  // commands then refuse to go on from one that your inference has changed.
  //
  // Lines that you print yourself should not begin with `m-` or `e-`, which are the commands'.
}

#endif  // PIO_UNIT_TESTING
