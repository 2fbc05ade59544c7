// anchor.hpp: a store's header as somebody saw it, kept outside the store, as text that can be copied.
//
// A process that has seen nothing yet can not tell an old copy of a whole store from the store. Its
// holder can, who exported an anchor and gives it back at open. It is no secret and opens nothing.
//
//   strongroom-anchor-1:  store id (16) | generation (8) | digest (32) | check (4)     in hex
//
// check is the first four bytes of BLAKE2b-256 of the 20 characters and the 56 bytes before it, so
// that a mistyped anchor is told from a store that was set back.
#pragma once

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "strongroom/credential.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

struct Anchor {
  StoreId store{};
  std::uint64_t generation = 0;
  Digest digest{};

  friend bool operator==(const Anchor&, const Anchor&) = default;

  // text writes the anchor as one line in lower case, without a newline.
  std::string text() const {
    std::array<std::uint8_t, kRawLen> raw;
    std::memcpy(raw.data(), store.data(), sizeof store);
    put_be(std::span(raw).subspan<kGenerationAt, 8>(), generation);
    std::memcpy(raw.data() + kDigestAt, digest.data(), sizeof digest);
    std::memcpy(raw.data() + kCheckAt, check_of(raw).data(), kCheckLen);
    std::array<char, kHexLen + 1> hex;
    sodium_bin2hex(hex.data(), hex.size(), raw.data(), raw.size());
    return std::string(kLabel).append(hex.data(), kHexLen);
  }

  // parse reads that line back; white space around it is dropped, digits may be upper case.
  // Errors  invalid: no anchor, cut short, or mistyped.  unsupported: of a newer form.
  static Result<Anchor> parse(std::string_view line) {
    line = trim(line);
    auto hex = hex_of(line);
    if (!hex) return std::move(hex).error();
    std::array<std::uint8_t, kRawLen> raw;
    std::size_t len = 0;
    if (sodium_hex2bin(raw.data(), raw.size(), hex->data(), hex->size(), nullptr, &len, nullptr) !=
            0 ||
        len != raw.size()) {
      return Error{Code::invalid, "an anchor had a character that is no hex digit; copy it again"};
    }
    if (sodium_memcmp(check_of(raw).data(), raw.data() + kCheckAt, kCheckLen) != 0) {
      return Error{Code::invalid,
                   "an anchor was mistyped: its check digits did not match; copy it again"};
    }
    Anchor anchor;
    std::memcpy(anchor.store.data(), raw.data(), sizeof anchor.store);
    anchor.generation = get_be(std::span(raw).subspan<kGenerationAt, 8>());
    std::memcpy(anchor.digest.data(), raw.data() + kDigestAt, sizeof anchor.digest);
    return anchor;
  }

 private:
  static constexpr std::string_view kName = "strongroom-anchor-";
  static constexpr std::string_view kLabel = "strongroom-anchor-1:";
  static constexpr std::size_t kGenerationAt = sizeof(StoreId);
  static constexpr std::size_t kDigestAt = kGenerationAt + 8;
  static constexpr std::size_t kCheckAt = kDigestAt + sizeof(Digest);
  static constexpr std::size_t kCheckLen = 4;
  static constexpr std::size_t kRawLen = kCheckAt + kCheckLen;
  static constexpr std::size_t kHexLen = 2 * kRawLen;
  static constexpr std::size_t kMaxLineLen = 1024;  // of what is looked at, white space included

  static Digest check_of(const std::array<std::uint8_t, kRawLen>& raw) noexcept {
    std::array<std::uint8_t, kLabel.size()> label;
    std::copy(kLabel.begin(), kLabel.end(), label.begin());
    return strongroom::digest(label, std::span(raw).first<kCheckAt>());
  }

  // hex_of gives the digits behind the label; their number is right.
  static Result<std::string_view> hex_of(std::string_view line) {
    if (!line.starts_with(kName) || line.size() > kMaxLineLen) {
      return Error{Code::invalid,
                   "the text was no anchor of a store: one line was expected that "
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

  // other_form tells a newer form, which has a number and a colon, from a mistyped label.
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

  static std::string_view trim(std::string_view text) noexcept {
    constexpr std::string_view kSpace = " \t\r\n";
    // Not all of a file that is no anchor: what is more white space than that is none.
    if (text.size() > kMaxLineLen) return text;
    const std::size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
    text.remove_prefix(begin);
    return text.substr(0, text.find_last_not_of(kSpace) + 1);
  }
};

}  // namespace strongroom
