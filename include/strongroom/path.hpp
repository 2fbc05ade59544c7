// path.hpp: the one canonical form of a secret's name.
//
// Every name of a secret goes through Path::parse once, when it enters the library. From then on it is
// compared, matched, sealed and bound in that form. Nothing is folded, trimmed or decoded: two
// spellings are either the same bytes or two secrets. A text that could be read in two ways is refused.
#pragma once

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>

#include "strongroom/result.hpp"

namespace strongroom {

inline constexpr std::size_t kMaxPathLen = 4096;
inline constexpr std::size_t kMaxSegmentLen = 255;
inline constexpr std::size_t kMaxSegments = 64;

// well_formed_utf8 follows Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above
// U+10FFFF.
bool well_formed_utf8(std::string_view text) noexcept;

class Path {
 public:
  // Path() is the root, which is legal only for a list.
  Path() = default;

  // parse takes segments of 1..255 bytes joined by '/', at most 4,096 bytes and 64 segments. One leading
  // '/' is dropped. The empty text, or "/", is the root.
  // Errors  invalid: empty segments, "." and "..", a trailing '/', control characters, bytes that are
  //         not UTF-8, and %-encoded separators (%2F, %5C, %2E, %00) that a transport did not decode.
  static Result<Path> parse(std::string_view text);

  // parse_secret is parse for the name of a secret: the root is refused as well.
  static Result<Path> parse_secret(std::string_view text);

  bool is_root() const noexcept { return text_.empty(); }
  const std::string& text() const noexcept { return text_; }
  operator std::string_view() const noexcept { return text_; }  // for functions that take text

  // parent is the path without its last segment; the root's parent is the root.
  std::string_view parent() const noexcept;
  // name is the last segment.
  std::string_view name() const noexcept;

  friend bool operator==(const Path&, const Path&) = default;
  friend auto operator<=>(const Path&, const Path&) = default;

 private:
  static Error refuse(const char* why) { return {Code::invalid, std::string("a path ") + why}; }

  // These return why a text is refused, or null.
  static const char* fault(std::string_view text) noexcept;
  static const char* segment_fault(std::string_view segment, std::size_t number) noexcept;
  static const char* byte_fault(std::string_view text) noexcept;

  static bool encoded_separator(std::string_view text) noexcept;

  std::string text_;
};

}  // namespace strongroom
