// A Session on a bench: text goes in, lines come out.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "crc32.h"
#include "fake_model.h"
#include "fake_platform.h"
#include "session.h"

using Lines = std::vector<std::string>;

class Bench {
 public:
  explicit Bench(model::Status init_status = model::Status::kOk, const serial::Hooks& hooks = {}) {
    fake::Clear();
    fake::sent.clear();
    clock = {0};
    session_->Begin(init_status, hooks);
    started = Take();
  }

  // The answer's lines. Nothing may follow the last CR LF.
  Lines Send(const std::string& text) {
    // From the heap, in its exact size, so that a sanitizer sees any reading past its end.
    const std::vector<uint8_t> bytes(text.begin(), text.end());
    session_->Feed(bytes.data(), bytes.size());
    return Take();
  }

  // A command in its envelope, as `#CRC TAG COMMAND%`.
  static std::string Checked(const std::string& tag, const std::string& command) {
    const std::string body = command.empty() ? tag : tag + " " + command;
    return "#" + Crc(body) + " " + body + "%";
  }

  static std::string Crc(const std::string& text) {
    const uint32_t crc = serial::Crc32(0, text.data(), text.size());
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
  std::vector<uint64_t>& clock = fake::clock;
  size_t& longest_write = fake::longest_write;

 private:
  Lines Take() {
    Lines lines;
    for (size_t end; (end = fake::sent.find("\r\n")) != std::string::npos;
         fake::sent.erase(0, end + 2)) {
      lines.push_back(fake::sent.substr(0, end));
    }
    if (!fake::sent.empty()) lines.push_back("UNFINISHED: " + fake::sent);
    fake::sent.clear();
    return lines;
  }

  std::unique_ptr<serial::Session> session_ = std::make_unique<serial::Session>();
};

template <class T>
std::vector<uint8_t> BytesOf(const std::vector<T>& values) {
  std::vector<uint8_t> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}
