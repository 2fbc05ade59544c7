// codec.ipp: the bodies of codec.hpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "strongroom/impl/base/codec.hpp"

namespace strongroom {

void Writer::bytes(std::span<const std::uint8_t> v) {
  bytes_.insert(bytes_.end(), v.begin(), v.end());
}

void Writer::number(std::uint64_t v, unsigned len) {
  for (unsigned i = len; i-- > 0;) bytes_.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
}

std::span<const std::uint8_t> Reader::bytes(std::size_t len) noexcept {
  if (len > rest_.size()) {
    ok_ = false;
    rest_ = {};
    return {};
  }
  const auto head = rest_.first(len);
  rest_ = rest_.subspan(len);
  return head;
}

void Reader::copy(std::span<std::uint8_t> out) noexcept {
  const auto from = bytes(out.size());
  if (from.empty()) {
    std::fill(out.begin(), out.end(), std::uint8_t{0});
  } else {
    std::copy(from.begin(), from.end(), out.begin());
  }
}

std::uint64_t Reader::number(std::size_t len) noexcept {
  std::uint64_t v = 0;
  for (const std::uint8_t byte : bytes(len)) v = v << 8 | byte;
  return v;
}

}  // namespace strongroom
