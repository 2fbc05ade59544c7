// anchor.ipp: the bodies of anchor.hpp.
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "strongroom/anchor.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/crypto/digest.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

namespace detail::anchor {

constexpr std::string_view kName = "strongroom-anchor-";
constexpr std::string_view kLabel = "strongroom-anchor-1:";
constexpr std::size_t kGenerationAt = sizeof(StoreId);
constexpr std::size_t kDigestAt = kGenerationAt + 8;
constexpr std::size_t kCheckAt = kDigestAt + sizeof(Digest);
constexpr std::size_t kCheckLen = 4;
constexpr std::size_t kRawLen = kCheckAt + kCheckLen;
constexpr std::size_t kHexLen = 2 * kRawLen;
constexpr std::size_t kMaxLineLen = 1024;  // of what is looked at, white space included

static Digest check_of(const std::array<std::uint8_t, kRawLen>& raw) noexcept {
  std::array<std::uint8_t, kLabel.size()> label;
  std::copy(kLabel.begin(), kLabel.end(), label.begin());
  return strongroom::digest(label, std::span(raw).first<kCheckAt>());
}

// other_form returns the error for a newer form, which has a number and a colon, or for a mistyped label.
static Error other_form(std::string_view form) {
  const std::size_t len = std::min(form.find(':'), form.size());
  const std::string_view number = form.substr(0, len);
  const bool numbered = len > 0 && len < form.size() && len <= 3 &&
                        number.find_first_not_of("0123456789") == std::string_view::npos;
  if (!numbered || number.front() == '0') {
    return {Code::invalid,
            "an anchor was mistyped: it begins with " + std::string(kLabel) + "; copy it again"};
  }
  return {Code::unsupported,
          "an anchor was of form " + std::string(number) + "; this program knows form 1"};
}

// hex_of returns the digits after the label; their number is right.
static Result<std::string_view> hex_of(std::string_view line) {
  if (!line.starts_with(kName) || line.size() > kMaxLineLen) {
    return Error{Code::invalid,
                 "the text is not an anchor of a store; expected one line that "
                 "begins with " +
                     std::string(kLabel)};
  }
  if (!line.starts_with(kLabel)) return other_form(line.substr(kName.size()));
  const std::string_view hex = line.substr(kLabel.size());
  if (hex.size() == kHexLen) return hex;
  return Error{Code::invalid, "an anchor had " + std::to_string(hex.size()) +
                                  " characters after its colon instead of " +
                                  std::to_string(kHexLen) + "; copy all of its one line"};
}

static std::string_view trim(std::string_view text) noexcept {
  constexpr std::string_view kSpace = " \t\r\n";
  // A text over the limit is not an anchor, so it is not searched to its end.
  if (text.size() > kMaxLineLen) return text;
  const std::size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

}  // namespace detail::anchor

std::string Anchor::text() const {
  std::array<std::uint8_t, detail::anchor::kRawLen> raw;
  std::memcpy(raw.data(), store.data(), sizeof store);
  put_be(std::span(raw).subspan<detail::anchor::kGenerationAt, 8>(), generation);
  std::memcpy(raw.data() + detail::anchor::kDigestAt, digest.data(), sizeof digest);
  std::memcpy(raw.data() + detail::anchor::kCheckAt, detail::anchor::check_of(raw).data(),
              detail::anchor::kCheckLen);
  std::array<char, detail::anchor::kHexLen + 1> hex;
  sodium_bin2hex(hex.data(), hex.size(), raw.data(), raw.size());
  return std::string(detail::anchor::kLabel).append(hex.data(), detail::anchor::kHexLen);
}

Result<Anchor> Anchor::parse(std::string_view line) {
  line = detail::anchor::trim(line);
  STRONGROOM_ASSIGN(hex, detail::anchor::hex_of(line));
  std::array<std::uint8_t, detail::anchor::kRawLen> raw;
  std::size_t len = 0;
  if (sodium_hex2bin(raw.data(), raw.size(), hex.data(), hex.size(), nullptr, &len, nullptr) != 0 ||
      len != raw.size()) {
    return Error{Code::invalid, "an anchor had a character that is no hex digit; copy it again"};
  }
  if (sodium_memcmp(detail::anchor::check_of(raw).data(), raw.data() + detail::anchor::kCheckAt,
                    detail::anchor::kCheckLen) != 0) {
    return Error{Code::invalid,
                 "an anchor was mistyped: its check digits did not match; copy it again"};
  }
  Anchor anchor;
  std::memcpy(anchor.store.data(), raw.data(), sizeof anchor.store);
  anchor.generation = get_be(std::span(raw).subspan<detail::anchor::kGenerationAt, 8>());
  std::memcpy(anchor.digest.data(), raw.data() + detail::anchor::kDigestAt, sizeof anchor.digest);
  return anchor;
}

}  // namespace strongroom
