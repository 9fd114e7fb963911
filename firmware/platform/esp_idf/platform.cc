// platform.h with ESP-IDF: a UART, or the USB port of the chip itself. Kconfig says which.
#include "platform.h"

#include <esp_timer.h>
#include <freertos/FreeRTOS.h>
#include <freertos/task.h>
#include <sdkconfig.h>

#if CONFIG_MICROGEN_SERIAL_USB
#include <driver/usb_serial_jtag.h>
#else
#include <driver/uart.h>
#endif

namespace {

constexpr uint32_t kReceivedBytes = 4096;  // may wait to be read

#if CONFIG_MICROGEN_SERIAL_USB

constexpr uint32_t kSentBytes = 1024;  // may wait to be sent
constexpr TickType_t kPatience = pdMS_TO_TICKS(100);

void Begin() {
  usb_serial_jtag_driver_config_t config = {};
  config.tx_buffer_size = kSentBytes;
  config.rx_buffer_size = kReceivedBytes;
  usb_serial_jtag_driver_install(&config);
}

void Write(const uint8_t* bytes, size_t n) {
  while (n > 0) {
    const size_t part = n < kSentBytes ? n : kSentBytes;
    const int sent = usb_serial_jtag_write_bytes(bytes, part, kPatience);
    if (sent <= 0) return;  // nobody reads
    bytes += sent;
    n -= static_cast<size_t>(sent);
  }
}

int Read(uint8_t* bytes, size_t n) {
  return usb_serial_jtag_read_bytes(bytes, static_cast<uint32_t>(n), 0);
}

#else

constexpr uart_port_t kUart = static_cast<uart_port_t>(CONFIG_MICROGEN_UART);

void Begin() {
  uart_config_t config = {};
  config.baud_rate = CONFIG_MICROGEN_BAUD;
  config.data_bits = UART_DATA_8_BITS;
  config.parity = UART_PARITY_DISABLE;
  config.stop_bits = UART_STOP_BITS_1;
  config.flow_ctrl = UART_HW_FLOWCTRL_DISABLE;
  config.source_clk = UART_SCLK_DEFAULT;
  uart_driver_install(kUart, kReceivedBytes, 0, 0, nullptr, 0);
  uart_param_config(kUart, &config);
}

void Write(const uint8_t* bytes, size_t n) { uart_write_bytes(kUart, bytes, n); }

int Read(uint8_t* bytes, size_t n) {
  return uart_read_bytes(kUart, bytes, static_cast<uint32_t>(n), 0);
}

#endif

}  // namespace

void platform_begin(void) { Begin(); }

void platform_write(const uint8_t* bytes, size_t n) { Write(bytes, n); }

size_t platform_read(uint8_t* bytes, size_t n) {
  const int received = Read(bytes, n);
  return received > 0 ? static_cast<size_t>(received) : 0;
}

uint64_t platform_micros(void) { return static_cast<uint64_t>(esp_timer_get_time()); }

// At least so long: a tick that has begun does not count.
void platform_delay_ms(uint32_t ms) { vTaskDelay(ms == 0 ? 0 : pdMS_TO_TICKS(ms) + 1); }
