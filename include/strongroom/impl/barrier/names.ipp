// names.ipp: the bodies of names.hpp.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/base/wipe.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::detail {

Location location(const Keyring& keyring, std::uint8_t domain, std::string_view path) noexcept {
  const std::span<const std::uint8_t> text(reinterpret_cast<const std::uint8_t*>(path.data()),
                                           path.size());
  return cmac(keyring.location_key(), std::span(&domain, 1), text);
}

}  // namespace strongroom::detail

namespace strongroom {

RecordKey record_key(const Location& location) noexcept {
  RecordKey key;
  key[0] = 'r';
  std::memcpy(key.data() + 1, location.data(), location.size());
  return key;
}

RecordKey entry_prefix(EntryKind kind, const Location& directory) noexcept {
  RecordKey prefix = record_key(directory);
  prefix[0] = static_cast<std::uint8_t>(kind);
  return prefix;
}

EntryKey entry_key(const Keyring& keyring, EntryKind kind, const Location& directory,
                   std::string_view segment) {
  const std::size_t padded_len = (segment.size() + 15) / 16 * 16;
  std::array<std::uint8_t, 256> padded{};
  std::memcpy(padded.data(), segment.data(), segment.size());
  const RecordKey prefix = entry_prefix(kind, directory);
  EntryKey key(prefix.size() + kTagLen + padded_len);
  std::memcpy(key.data(), prefix.data(), prefix.size());
  siv_seal(keyring.name_key(), std::span(prefix).first(1), directory,
           SecretView(padded.data(), padded_len), std::span(key).subspan(prefix.size()));
  return key;
}

EntryReader::EntryReader(const Keyring& keyring, EntryKind kind, const Location& directory) noexcept
    : key_(keyring.name_key()) {
  const auto label = static_cast<std::uint8_t>(kind);
  head_ = siv_head(key_, std::span(&label, 1), directory);
}

EntryReader::~EntryReader() {
  wipe(&head_, sizeof head_);
}

std::optional<std::string> EntryReader::open(std::span<const std::uint8_t> key) const {
  constexpr std::size_t kPrefixLen = sizeof(RecordKey);
  if (key.size() < kPrefixLen + kTagLen + 16 || key.size() > kMaxEntryKeyLen) return {};
  const auto sealed = key.subspan(kPrefixLen);
  std::array<std::uint8_t, 256> padded;
  const auto out = std::span(padded).first(sealed.size() - kTagLen);
  if (!siv_open(key_, head_, sealed, out)) return {};
  std::size_t len = out.size();
  while (len > 0 && out[len - 1] == 0) --len;
  return std::string(reinterpret_cast<const char*>(out.data()), len);
}

}  // namespace strongroom
