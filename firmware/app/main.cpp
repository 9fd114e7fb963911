// Your firmware. microgen wrote this file once and leaves it to you: change what you like.
//
// As it is, it answers the serial commands with which microgen verifies and times the model: type
// `help%` in a serial monitor. lib/model runs the model, lib/dut answers the commands.
#ifndef PIO_UNIT_TESTING

#include <Arduino.h>

#include "dut.h"
#include "model_config.h"
#include "model_runner.h"

#ifndef MICROGEN_BAUD
#define MICROGEN_BAUD 115200
#endif

namespace {

dut::Dut g_dut;

void Write(void*, const char* data, size_t n) {
  Serial.write(reinterpret_cast<const uint8_t*>(data), n);
}

uint32_t NowMicros(void*) { return static_cast<uint32_t>(micros()); }

// The first line on the serial port says what this is.
void PrintModel() {
  Serial.print("microgen: ");
  Serial.print(model::kName);
  Serial.print(" on ");
  Serial.print(model::kBoard);
  Serial.print(", model ");
  Serial.print(model::kSha256);
  Serial.print(", arena ");
  Serial.print(static_cast<unsigned long>(model::kArenaBytes));
  Serial.println(" bytes");
}

// Runs between the operators of an inference. Once a second the other tasks get a turn: on an ESP32
// the idle task, which feeds the watchdog that would restart the chip after five seconds. A
// watchdog of your own is fed here, too.
void KeepAlive() {
  static uint32_t last_ms = 0;
  const uint32_t now_ms = static_cast<uint32_t>(millis());
  if (now_ms - last_ms < 1000) return;
  last_ms = now_ms;
  delay(1);
}

}  // namespace

void setup() {
  Serial.begin(MICROGEN_BAUD);
  // A native USB port appears once a PC opens it. Don't wait for ever: there may be no PC.
  while (!Serial && millis() < 3000) delay(10);
  PrintModel();

  const model::Status status = model::Init(KeepAlive);

#ifdef LED_BUILTIN
  // A sign of life: the LED comes on when the model is ready.
  pinMode(LED_BUILTIN, OUTPUT);
  digitalWrite(LED_BUILTIN, status == model::Status::kOk ? HIGH : LOW);
#endif

  g_dut.Begin({Write, NowMicros, nullptr}, status);
}

void loop() {
  uint8_t received[64];
  size_t n = 0;
  while (n < sizeof(received) && Serial.available() > 0) {
    received[n++] = static_cast<uint8_t>(Serial.read());
  }
  g_dut.Feed(received, n);

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
