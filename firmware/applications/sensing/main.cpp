// Your firmware. microgen wrote this file once and leaves it to you: change what you like.
//
// As it is, it listens to its sensor, says what the model detects, and answers the serial commands
// with which microgen verifies and times the model: type `help%` in a serial monitor.
#ifndef PIO_UNIT_TESTING

#include "application.h"
#include "model_config.h"
#include "model_runner.h"
#include "platform.h"
#include "sensing.h"
#include "session.h"
#include "writer.h"

#if defined(ARDUINO) || defined(MICROGEN_HOST)
#include <Arduino.h>
#endif

namespace {

serial::Session g_session;

void Light(bool on) {
#ifdef LED_BUILTIN
  digitalWrite(LED_BUILTIN, on ? HIGH : LOW);
#else
  (void)on;
#endif
}

uint64_t g_dark_us = 0;  // when the LED goes off again; 0: it is off

// What your device does when the model detects something. `label`: what; `score`: how sure the
// model is on average, 0 to 1.
//
// Lines that you print should not begin with `m-` or `e-`, which are the commands'.
void OnDetection(const char* label, float score) {
  serial::Writer().Text("detected ").Text(label).Char(' ').Decimal(score, 2).Line();
  Light(true);
  g_dark_us = platform_micros() + 1000000;
}

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
#ifdef LED_BUILTIN
  pinMode(LED_BUILTIN, OUTPUT);
#endif
  const model::Status status = model::Init(KeepAlive);
  g_session.Begin(status, application::kHooks);
  if (status != model::Status::kOk) return;
  const char* obstacle = sensing::Begin(OnDetection);
  serial::Writer out;
  if (obstacle == nullptr) {
    out.Text("listening").Line();
  } else {
    out.Text("not listening: ").Text(obstacle).Line();
  }
}

void loop() {
  uint8_t received[64];
  const size_t n = platform_read(received, sizeof(received));
  if (n > 0) sensing::Pause();  // the serial commands have the model now
  g_session.Feed(received, n);
  sensing::Loop();

  if (g_dark_us != 0 && platform_micros() >= g_dark_us) {
    Light(false);
    g_dark_us = 0;
  }
}

#endif  // PIO_UNIT_TESTING
