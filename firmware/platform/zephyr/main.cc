// Runs the application's setup() once and its loop() over and over, as Arduino does.
void setup();
void loop();

int main(void) {
  setup();
  for (;;) loop();
}
