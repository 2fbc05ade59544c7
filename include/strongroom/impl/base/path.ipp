// path.ipp: the bodies of path.hpp.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "strongroom/path.hpp"
#include "strongroom/result.hpp"

namespace strongroom {
namespace detail::path {

using Word = std::uint64_t;
constexpr std::size_t kWordLen = sizeof(Word);
constexpr Word kOnes = 0x0101010101010101;
constexpr Word kHighs = kOnes << 7;

// special_bytes returns a word whose bytes have their high bit set where the text, of up to eight bytes, has a
// '/', a '%', a control character, or a byte beyond ASCII. A bit may also be set next to such a byte.
static Word special_bytes(std::string_view text) noexcept {
  Word word = kOnes * 'a';
  std::memcpy(&word, text.data(), text.size());
  const auto equal = [&](Word byte) {
    const Word zero = word ^ (kOnes * byte);
    return (zero - kOnes) & ~zero;
  };
  const Word control = (word - kOnes * 0x20) & ~word;
  return (word | control | equal('/') | equal('%') | equal(0x7F)) & kHighs;
}

// first_of returns the index of the first byte that is marked.
static std::size_t first_of(Word marks) noexcept {
  const int bits = std::endian::native == std::endian::little ? std::countr_zero(marks)
                                                              : std::countl_zero(marks);
  return static_cast<std::size_t>(bits) / 8;
}

}  // namespace detail::path

bool well_formed_utf8(std::string_view text) noexcept {
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

Result<Path> Path::parse(std::string_view text) {
  Result<Path> path(std::in_place);
  if (!text.empty() && text.front() == '/') text.remove_prefix(1);
  const char* why = text.size() > kMaxPathLen ? "was longer than 4096 bytes" : fault(text);
  if (why == nullptr) {
    path->text_.assign(text);
  } else {
    path = refuse(why);
  }
  return path;
}

Result<Path> Path::parse_secret(std::string_view text) {
  Result<Path> path = parse(text);
  if (path && path->is_root()) path = refuse("was empty");
  return path;
}

std::string_view Path::parent() const noexcept {
  const std::size_t slash = text_.rfind('/');
  return slash == std::string::npos ? std::string_view{} : std::string_view(text_).substr(0, slash);
}

std::string_view Path::name() const noexcept {
  const std::size_t slash = text_.rfind('/');
  return slash == std::string::npos ? std::string_view(text_)
                                    : std::string_view(text_).substr(slash + 1);
}

const char* Path::fault(std::string_view text) noexcept {
  if (text.empty()) return nullptr;  // the root
  std::size_t num_segments = 0;
  std::size_t begin = 0;  // of the segment
  bool ascii = true;
  for (std::size_t at = 0; at < text.size(); at += detail::path::kWordLen) {
    auto marks = detail::path::special_bytes(text.substr(at, detail::path::kWordLen));
    for (; marks != 0; marks &= marks - 1) {
      const std::size_t i = at + detail::path::first_of(marks);
      if (text[i] == '/') {
        if (const char* why = segment_fault(text.substr(begin, i - begin), ++num_segments))
          return why;
        begin = i + 1;
      } else if (const char* why = byte_fault(text.substr(i))) {
        return why;
      }
      ascii = ascii && static_cast<unsigned char>(text[i]) < 0x80;
    }
  }
  if (const char* why = segment_fault(text.substr(begin), ++num_segments)) return why;
  return ascii || well_formed_utf8(text) ? nullptr : "was not UTF-8";
}

const char* Path::segment_fault(std::string_view segment, std::size_t number) noexcept {
  if (segment.empty()) return "had an empty segment, or a '/' too many at an end";
  if (segment.size() > kMaxSegmentLen) return "had a segment longer than 255 bytes";
  if (segment[0] == '.' && (segment == "." || segment == "..")) return "had a segment '.' or '..'";
  return number > kMaxSegments ? "had more than 64 segments" : nullptr;
}

// byte_fault examines the first byte of a text.
const char* Path::byte_fault(std::string_view text) noexcept {
  const auto c = static_cast<unsigned char>(text[0]);
  if (c < 0x20 || c == 0x7F) return "had a control character";
  if (c == '%' && encoded_separator(text)) return "had a %-encoded separator";
  if (c == 0xC2 && text.size() > 1 && static_cast<unsigned char>(text[1]) < 0xA0) {
    return "had a control character, or was not UTF-8";  // U+0080..U+009F
  }
  return nullptr;
}

bool Path::encoded_separator(std::string_view text) noexcept {
  if (text.size() < 3) return false;
  const char high = text[1];
  const char low = static_cast<char>(text[2] | 0x20);  // lower case of a letter
  if (high == '2') return low == 'f' || low == 'e';
  if (high == '5') return low == 'c';
  return high == '0' && text[2] == '0';
}

}  // namespace strongroom
