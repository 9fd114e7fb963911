// A Dut on a bench: text goes in, lines come out.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "crc32.h"
#include "dut.h"
#include "fake_model.h"

using Lines = std::vector<std::string>;

class Bench {
 public:
  explicit Bench(model::Status init_status = model::Status::kOk) {
    fake::Clear();
    dut_->Begin({Write, NowMicros, this}, init_status);
    started = Take();
  }

  // The answer's lines. Nothing may follow the last CR LF.
  Lines Send(const std::string& text) {
    // From the heap, in its exact size, so that a sanitizer sees any reading past its end.
    const std::vector<uint8_t> bytes(text.begin(), text.end());
    dut_->Feed(bytes.data(), bytes.size());
    return Take();
  }

  // A command in its envelope, as `#CRC TAG COMMAND%`.
  static std::string Checked(const std::string& tag, const std::string& command) {
    const std::string body = command.empty() ? tag : tag + " " + command;
    return "#" + Crc(body) + " " + body + "%";
  }

  static std::string Crc(const std::string& text) {
    const uint32_t crc = dut::Crc32(0, text.data(), text.size());
    return Hex({static_cast<uint8_t>(crc >> 24), static_cast<uint8_t>(crc >> 16),
                static_cast<uint8_t>(crc >> 8), static_cast<uint8_t>(crc)});
  }

  // The line that seals an answer.
  static std::string Seal(const std::string& tag, const Lines& lines) {
    std::string text = tag;
    for (const std::string& line : lines) text += line + "\r\n";
    return "m-check-[" + tag + "," + Crc(text) + "]";
  }

  void Load(size_t input, const std::vector<uint8_t>& bytes) {
    Send("input " + std::to_string(input) + "%");
    Send("db load " + std::to_string(bytes.size()) + "%");
    for (size_t i = 0; i < bytes.size(); i += 31) {
      const size_t end = std::min(bytes.size(), i + 31);
      Send("db " +
           Hex({bytes.begin() + static_cast<long>(i), bytes.begin() + static_cast<long>(end)}) +
           "%");
    }
  }

  static std::string Hex(const std::vector<uint8_t>& bytes) {
    std::string text;
    for (const uint8_t byte : bytes) {
      text += "0123456789abcdef"[byte >> 4];
      text += "0123456789abcdef"[byte & 15];
    }
    return text;
  }

  Lines started;
  std::vector<uint32_t> clock = {0};  // the times that follow each other; the last one stays
  size_t longest_write = 0;

 private:
  static void Write(void* ctx, const char* data, size_t n) {
    auto* bench = static_cast<Bench*>(ctx);
    bench->sent_.append(data, n);
    bench->longest_write = std::max(bench->longest_write, n);
  }

  static uint32_t NowMicros(void* ctx) {
    auto& clock = static_cast<Bench*>(ctx)->clock;
    const uint32_t now = clock.front();
    if (clock.size() > 1) clock.erase(clock.begin());
    return now;
  }

  Lines Take() {
    Lines lines;
    for (size_t end; (end = sent_.find("\r\n")) != std::string::npos; sent_.erase(0, end + 2)) {
      lines.push_back(sent_.substr(0, end));
    }
    if (!sent_.empty()) lines.push_back("UNFINISHED: " + sent_);
    sent_.clear();
    return lines;
  }

  std::string sent_;
  std::unique_ptr<dut::Dut> dut_ = std::make_unique<dut::Dut>();
};

template <class T>
std::vector<uint8_t> BytesOf(const std::vector<T>& values) {
  std::vector<uint8_t> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}
