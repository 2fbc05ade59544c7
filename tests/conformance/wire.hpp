// wire.hpp: makes protobuf's wire format by hand, good and damaged.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace strongroom::wire {

inline std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += kDigits[static_cast<std::uint8_t>(c) >> 4];
    out += kDigits[static_cast<std::uint8_t>(c) & 15];
  }
  return out;
}

inline std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}

inline std::string tag(std::uint64_t field, unsigned wire) {
  return varint(field << 3 | wire);
}

inline std::string bytes(std::uint64_t field, const std::string& content) {
  return tag(field, 2) + varint(content.size()) + content;
}

inline std::string repeated(std::string_view part, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += part;
  return out;
}

// overlong spells a small number in that many bytes.
inline std::string overlong(std::uint8_t value, std::size_t len) {
  std::string out(len, '\x80');
  out.front() = static_cast<char>(value | 0x80);
  out.back() = '\0';
  return out;
}

inline const std::string kReference =
    "\x08\x01" + bytes(2, bytes(1, "/my/secret") + bytes(2, "username"));
inline const std::string kValue = "\x08\x02" + bytes(3, bytes(1, "password"));

// Mutator makes inputs that are nearly messages: parts of good ones, joined and damaged.
class Mutator {
 public:
  explicit Mutator(std::uint32_t seed) : random_(seed) {}

  std::string next() {
    std::string wire;
    for (std::size_t parts = below(4); parts-- > 0;) wire += part(0);
    for (std::size_t faults = below(3); faults-- > 0 && !wire.empty();) damage(wire);
    return wire;
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }

  std::string content() {
    std::string out(below(12), 'a');
    for (char& c : out) c = static_cast<char>(below(256));
    return out;
  }

  std::string part(int depth) {
    const std::size_t field = below(5);
    switch (depth > 3 ? 0 : below(7)) {
      case 0:
        return tag(field, 0) + varint(random_() >> below(32));
      case 1:
        return bytes(field, content());
      case 2:
        return bytes(field, part(depth + 1) + part(depth + 1));
      case 3:
        return tag(field, 3) + part(depth + 1) + tag(field, 4);
      case 4:
        return bytes(2, bytes(1, content()) + bytes(2, content()));
      case 5:
        return bytes(3, bytes(1, content()));
      default:
        return tag(field, below(2) == 0 ? 1 : 5) + content();
    }
  }

  void damage(std::string& wire) {
    const std::size_t at = below(wire.size());
    switch (below(4)) {
      case 0:
        wire[at] = static_cast<char>(below(256));
        break;
      case 1:
        wire.erase(at, 1 + below(3));
        break;
      case 2:
        wire.insert(at, content());
        break;
      default:
        wire.resize(at);
        break;
    }
  }

  std::mt19937 random_;
};

}  // namespace strongroom::wire
