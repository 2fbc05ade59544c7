// path.hpp: the one canonical form of a secret's name.
//
// Everything that names a secret goes through Path::parse once, at the door, and is compared,
// matched, sealed and bound in that form from then on. Nothing is folded, trimmed or decoded: two
// spellings are either the same bytes or two secrets, and what could be read in two ways is
// refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "strongroom/result.hpp"

namespace strongroom {

inline constexpr std::size_t kMaxPathLen = 4096;
inline constexpr std::size_t kMaxSegmentLen = 255;
inline constexpr std::size_t kMaxSegments = 64;

// well_formed_utf8 follows Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above
// U+10FFFF.
inline bool well_formed_utf8(std::string_view text) noexcept {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  const auto tail = [&](int n, unsigned char low = 0x80, unsigned char high = 0xBF) {
    if (end - p <= n || p[1] < low || p[1] > high) return false;
    for (int i = 2; i <= n; ++i) {
      if (p[i] < 0x80 || p[i] > 0xBF) return false;
    }
    p += n + 1;
    return true;
  };
  while (p != end) {
    const unsigned char c = *p;
    bool good = false;
    if (c < 0x80) {
      ++p;
      good = true;
    } else if (c >= 0xC2 && c <= 0xDF) {
      good = tail(1);
    } else if (c >= 0xE0 && c <= 0xEF) {
      good = tail(2, c == 0xE0 ? 0xA0 : 0x80, c == 0xED ? 0x9F : 0xBF);
    } else if (c >= 0xF0 && c <= 0xF4) {
      good = tail(3, c == 0xF0 ? 0x90 : 0x80, c == 0xF4 ? 0x8F : 0xBF);
    }
    if (!good) return false;
  }
  return true;
}

class Path {
 public:
  // Path() is the root: legal for a list alone.
  Path() = default;

  // parse takes segments of 1..255 bytes joined by '/', at most 4,096 bytes and 64 segments; one
  // leading '/' is dropped. The empty text, or "/", is the root.
  // Errors  invalid: empty segments, "." and "..", a trailing '/', control characters, bytes that
  //         are not UTF-8, and %-encoded separators (%2F, %5C, %2E, %00) that a transport left.
  static Result<Path> parse(std::string_view text) {
    if (!text.empty() && text.front() == '/') text.remove_prefix(1);
    if (text.empty()) return Path();
    if (text.size() > kMaxPathLen) return refuse("was longer than 4096 bytes");
    if (const char* why = fault(text); why != nullptr) return refuse(why);
    Path path;
    path.text_ = text;
    return path;
  }

  // parse_secret is parse for the name of a secret: the root is refused as well.
  static Result<Path> parse_secret(std::string_view text) {
    auto path = parse(text);
    if (path && path->is_root()) return refuse("was empty");
    return path;
  }

  bool is_root() const noexcept { return text_.empty(); }
  const std::string& text() const noexcept { return text_; }

  // parent is the path without its last segment; the root's parent is the root.
  std::string_view parent() const noexcept {
    const std::size_t slash = text_.rfind('/');
    return slash == std::string::npos ? std::string_view{}
                                      : std::string_view(text_).substr(0, slash);
  }
  // name is the last segment.
  std::string_view name() const noexcept {
    const std::size_t slash = text_.rfind('/');
    return slash == std::string::npos ? std::string_view(text_)
                                      : std::string_view(text_).substr(slash + 1);
  }

  friend bool operator==(const Path&, const Path&) = default;
  friend auto operator<=>(const Path&, const Path&) = default;

 private:
  static Error refuse(const char* why) { return {Code::invalid, std::string("a path ") + why}; }

  static const char* fault(std::string_view text) noexcept {
    std::size_t num_segments = 0;
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t slash = text.find('/', begin);
      const std::string_view segment = text.substr(begin, slash - begin);
      if (segment.empty()) return "had an empty segment, or a '/' too many at an end";
      if (segment.size() > kMaxSegmentLen) return "had a segment longer than 255 bytes";
      if (segment == "." || segment == "..") return "had a segment '.' or '..'";
      if (++num_segments > kMaxSegments) return "had more than 64 segments";
      if (slash == std::string_view::npos) break;
      begin = slash + 1;
    }
    bool ascii = true;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto c = static_cast<unsigned char>(text[i]);
      if (c < 0x20 || c == 0x7F) return "had a control character";
      if (c == '%' && encoded_separator(text.substr(i))) return "had a %-encoded separator";
      if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
        return "had a control character, or was not UTF-8";  // U+0080..U+009F
      }
      ascii = ascii && c < 0x80;
    }
    if (!ascii && !well_formed_utf8(text)) return "was not UTF-8";
    return nullptr;
  }

  static bool encoded_separator(std::string_view text) noexcept {
    if (text.size() < 3) return false;
    const char high = text[1];
    const char low = static_cast<char>(text[2] | 0x20);  // lower case of a letter
    if (high == '2') return low == 'f' || low == 'e';
    if (high == '5') return low == 'c';
    return high == '0' && text[2] == '0';
  }

  std::string text_;
};

}  // namespace strongroom
