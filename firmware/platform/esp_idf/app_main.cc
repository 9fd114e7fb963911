// Runs the application's setup() once and its loop() over and over, as Arduino does.
#include <freertos/FreeRTOS.h>
#include <freertos/task.h>

#include "platform.h"

void setup();
void loop();

extern "C" void app_main(void) {
  constexpr uint64_t kTurnUs = 1000000;
  setup();
  for (uint64_t last_us = platform_micros();;) {
    loop();
    // The idle task gets a turn, which feeds its watchdog.
    if (platform_micros() - last_us < kTurnUs) continue;
    vTaskDelay(1);
    last_us = platform_micros();
  }
}
