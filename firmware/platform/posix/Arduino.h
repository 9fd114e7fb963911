// The part of the Arduino API that lets a sketch run on a PC: `Serial` and the clock are those of
// platform.h, pins do nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#define LOW 0
#define HIGH 1
#define INPUT 0
#define OUTPUT 1
#define INPUT_PULLUP 2
#define LED_BUILTIN 13

class HostSerial {
 public:
  void begin(unsigned long /*baud*/) {}
  explicit operator bool() const { return true; }

  int available();
  int read();  // -1: nothing there
  size_t write(uint8_t byte) { return write(&byte, 1); }
  size_t write(const uint8_t* bytes, size_t n);
  void flush();

  size_t print(const char* text);
  size_t print(char c) { return write(static_cast<uint8_t>(c)); }
  size_t print(int value) { return print(static_cast<long>(value)); }
  size_t print(unsigned value) { return print(static_cast<unsigned long>(value)); }
  size_t print(long value);
  size_t print(unsigned long value);
  size_t print(double value, int decimals = 2);
  size_t println() { return print("\r\n"); }
  template <class... Args>
  size_t println(Args... args) {
    const size_t n = print(args...);
    return n + println();
  }
};

extern HostSerial Serial;

unsigned long millis();
unsigned long micros();
void delay(unsigned long ms);
void delayMicroseconds(unsigned us);
inline void yield() {}

inline void pinMode(int /*pin*/, int /*mode*/) {}
inline void digitalWrite(int /*pin*/, int /*level*/) {}
inline int digitalRead(int /*pin*/) { return LOW; }
inline int analogRead(int /*pin*/) { return 0; }

void setup();
void loop();
