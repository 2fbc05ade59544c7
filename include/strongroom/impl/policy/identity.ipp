// identity.ipp: the bodies of identity.hpp.
#include <string_view>
#include <utility>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"

namespace strongroom {

Identity::Known& Identity::Known::operator=(const Known& other) {
  if (this != &other) *this = Known(other.num_words_);
  return *this;
}

Identity::Known& Identity::Known::operator=(Known&& other) noexcept {
  words_ = std::move(other.words_);
  num_words_ = std::exchange(other.num_words_, 0);
  return *this;
}

bool in_space(const Path& secret, std::string_view space) noexcept {
  const auto next = [](std::string_view& rest) {
    while (!rest.empty() && rest.front() == '/') rest.remove_prefix(1);
    const std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(segment.size());
    return segment;
  };
  std::string_view folder = secret.parent();
  for (;;) {
    const std::string_view wanted = next(folder);
    if (wanted.empty()) return true;
    if (wanted != next(space)) return false;
  }
}

}  // namespace strongroom
