// text.cpp: the bodies of text.hpp.
#include "text.hpp"

#include <algorithm>

namespace strongroom_mesos {

std::string printable(std::string_view text, std::size_t max_len) {
  constexpr char digits[] = "0123456789abcdef";
  std::string shown;
  shown.reserve(std::min(text.size(), max_len) + 4);
  for (const char c : text.substr(0, max_len)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      shown += c;
    } else {
      shown += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    }
  }
  if (text.size() > max_len) shown += "...";
  return shown;
}

}  // namespace strongroom_mesos
