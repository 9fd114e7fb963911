// Two million bytes of hostile input, under the sanitizers that the Makefile asks for.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "bench.h"

namespace {

constexpr size_t kBytesOfAKind = 300000;

std::vector<uint8_t> Ramp() {
  std::vector<uint8_t> bytes(model::kInputBytes);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7 + 3);
  return bytes;
}

std::string Session() {
  std::string text = "name%profile%hash%" + Bench::Checked("1", "reset") + "db load 490%";
  const std::vector<uint8_t> bytes = Ramp();
  for (size_t i = 0; i < bytes.size(); i += 31) {
    const size_t end = std::min(bytes.size(), i + 31);
    text +=
        "db " +
        Bench::Hex({bytes.begin() + static_cast<long>(i), bytes.begin() + static_cast<long>(end)}) +
        "%";
  }
  return text + "crc%infer 3 1%results%output 0%" + Bench::Checked("2", "time 2 1") +
         "selftest%arena%input 0%db print%timestamp%help%";
}

// Sends in pieces of any size, as a UART does, and looks at the form of what comes back.
size_t SendInPieces(Bench& bench, std::mt19937& random, const std::string& text) {
  fake::invokes_left = 2000;
  fake::inferred.clear();
  size_t ready = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t n = std::min<size_t>(text.size() - i, 1 + random() % 200);
    for (const std::string& line : bench.Send(text.substr(i, n))) {
      REQUIRE(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; }));
      ready += line == "m-ready";
    }
    i += n;
  }
  REQUIRE(bench.longest_write <= 64);
  REQUIRE(ready == static_cast<size_t>(std::count(text.begin(), text.end(), '%')));
  return text.size();
}

void ValidSessionWorks(Bench& bench) {
  fake::invokes_left = SIZE_MAX;
  bench.Send("%reset%");
  fake::inferred.clear();
  bench.Load(0, Ramp());
  CHECK(bench.Send("infer 1 0%") ==
        Lines{"m-warmup-start-0", "m-warmup-done", "m-infer-start-1", "m-lap-us-0", "m-lap-us-0",
              "m-infer-done",
              "m-results-[0.500,0.500,0.500,0.500,0.500,0.500,0.500,0.500,0.500,0.500,0.500,0.500]",
              "m-ready"});
  CHECK(fake::inferred == std::vector<std::vector<uint8_t>>{Ramp()});
  CHECK(bench.Send("output%")[0] == "m-output-[0,12,000000000000000000000000,7bd5c66f,d36ffe52,1]");
}

}  // namespace

TEST_CASE("two million bytes of hostile input, and a valid session works right after each kind") {
  Bench bench;
  std::mt19937 random(20261121);
  size_t sent = 0;
  const auto attack = [&](const char* kind, auto make) {
    CAPTURE(kind);
    for (size_t n = 0; n < kBytesOfAKind;) n += SendInPieces(bench, random, make());
    sent += kBytesOfAKind;
    ValidSessionWorks(bench);
  };
  const auto any = [&](size_t n) {
    std::string text(n, '\0');
    for (char& c : text) c = static_cast<char>(random());
    return text;
  };

  attack("random bytes", [&] { return any(1 + random() % 1000); });
  attack("mutated sessions", [&] {
    std::string text = Session();
    for (size_t count = 1 + random() % 30; count > 0; --count) {
      const size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, 1 + random() % 20);
          break;
        case 2:
          text.insert(at, text.substr(random() % text.size(), random() % 100));
          break;
        default:
          std::swap(text[at], text[random() % text.size()]);
      }
    }
    return text;
  });
  attack("commands that never end", [&] { return std::string(50000, "db 0#"[random() % 5]); });
  attack("NULs", [&] {
    std::string text = Session();
    for (size_t i = random() % 7; i < text.size(); i += 1 + random() % 9) text[i] = '\0';
    return text;
  });
  attack("huge numbers", [&] {
    static const char* const commands[] = {"db load",         "infer",  "infer 1", "time",
                                           "time 1",          "output", "input",   "results",
                                           "db load 490 raw", "db"};
    static const char* const numbers[] = {"4294967296",
                                          "4294967295",
                                          "18446744073709551616",
                                          "18446744073709552106",
                                          "-1",
                                          "1000000",
                                          "0x10",
                                          "1e9",
                                          "490"};
    std::string text = commands[random() % 10];
    text += ' ';
    text += numbers[random() % 9];
    if (random() % 4 == 0) text += std::string(random() % 130, '9');
    return text + (random() % 3 == 0 ? " 1000000%" : "%");
  });
  attack("loads that promise 4 GiB, and hex with odd digits", [&] {
    std::string text = random() % 2 == 0 ? "db load 4294967296%" : "db load 490%";
    const size_t pieces = random() % 40;
    for (size_t i = 0; i < pieces; ++i) {
      text += "db ";
      for (size_t digits = random() % 140; digits > 0; --digits) {
        text += "0123456789abcdefABCDEFxg"[random() % (random() % 50 == 0 ? 24 : 22)];
      }
      text += '%';
    }
    return text;
  });
  attack("envelopes", [&] {
    static const char* const commands[] = {"",          "name",  "db load 490", "db 00",
                                           "infer 1 0", "reset", "crc"};
    std::string text = Bench::Checked(std::to_string(random()), commands[random() % 7]);
    if (random() % 2 == 0) text[random() % text.size()] = static_cast<char>(random());
    return text;
  });
  CHECK(sent >= 2000000);
}
