// platform.h with Zephyr: the UART that the devicetree chooses as its console, also one on USB.
#include "platform.h"

#include <zephyr/device.h>
#include <zephyr/drivers/uart.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/ring_buffer.h>

namespace {

const struct device* const g_port = DEVICE_DT_GET(DT_CHOSEN(zephyr_console));

RING_BUF_DECLARE(g_received, 4096);

// What comes while the buffer is full is lost, as with any UART.
void OnInterrupt(const struct device* port, void* /*unused*/) {
  while (uart_irq_update(port) && uart_irq_rx_ready(port)) {
    uint8_t bytes[32];
    const int n = uart_fifo_read(port, bytes, sizeof(bytes));
    if (n <= 0) return;
    ring_buf_put(&g_received, bytes, static_cast<uint32_t>(n));
  }
}

}  // namespace

void platform_begin(void) {
  if (!device_is_ready(g_port)) return;
  uart_irq_callback_user_data_set(g_port, OnInterrupt, nullptr);
  uart_irq_rx_enable(g_port);
}

void platform_write(const uint8_t* bytes, size_t n) {
  for (size_t i = 0; i < n; ++i) uart_poll_out(g_port, bytes[i]);
}

size_t platform_read(uint8_t* bytes, size_t n) {
  platform_micros();  // follows the clock while nobody asks for it
  // One takes while the interrupt puts: ring_buf.h allows that without a lock.
  return ring_buf_get(&g_received, bytes, static_cast<uint32_t>(n));
}

// The 32 bits of the counter wrap around within a minute or so.
uint64_t platform_micros(void) {
  static uint64_t cycles = 0;
  static uint32_t last = 0;
  const uint32_t now = k_cycle_get_32();
  cycles += now - last;
  last = now;
  const uint32_t hz = static_cast<uint32_t>(sys_clock_hw_cycles_per_sec());
  return cycles / hz * 1000000 + cycles % hz * 1000000 / hz;
}

void platform_delay_ms(uint32_t ms) { k_msleep(static_cast<int32_t>(ms)); }
