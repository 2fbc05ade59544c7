// path.ipp: the bodies of path.hpp.
#include <cstddef>
#include <string>
#include <string_view>

#include "strongroom/path.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

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
  if (!text.empty() && text.front() == '/') text.remove_prefix(1);
  if (text.empty()) return Path();
  if (text.size() > kMaxPathLen) return refuse("was longer than 4096 bytes");
  if (const char* why = fault(text); why != nullptr) return refuse(why);
  Path path;
  path.text_ = text;
  return path;
}

Result<Path> Path::parse_secret(std::string_view text) {
  auto path = parse(text);
  if (path && path->is_root()) return refuse("was empty");
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

bool Path::encoded_separator(std::string_view text) noexcept {
  if (text.size() < 3) return false;
  const char high = text[1];
  const char low = static_cast<char>(text[2] | 0x20);  // lower case of a letter
  if (high == '2') return low == 'f' || low == 'e';
  if (high == '5') return low == 'c';
  return high == '0' && text[2] == '0';
}

}  // namespace strongroom
