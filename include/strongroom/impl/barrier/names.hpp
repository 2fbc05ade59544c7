// names.hpp: where records lie in the backend, and how a directory's entries are sealed.
//
// A backend key is a keyed PRF of the canonical path, so that a dump shows no name; an entry of a
// directory carries its segment under deterministic authenticated encryption, bound to the
// directory, padded to 16 bytes, so that a list needs no record of its own.
//
//   "r" location(secret)                  the sealed secret, or the tombstone of a deleted one
//   "r" location(policy)                  a stored policy, or the index of them: policy_records.hpp
//   "s" location(directory) sealed name   here is a secret of that name
//   "g" location(directory) sealed name   here is a folder of that name
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/path.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

enum class EntryKind : std::uint8_t { secret = 's', folder = 'g' };

using RecordKey = std::array<std::uint8_t, 1 + sizeof(Location)>;
using EntryKey = std::vector<std::uint8_t>;

inline constexpr std::size_t kMaxEntryKeyLen = 1 + sizeof(Location) + kTagLen + 256;

namespace detail {

inline Location location(const Keyring& keyring, std::uint8_t domain,
                         std::string_view path) noexcept {
  const std::span<const std::uint8_t> text(reinterpret_cast<const std::uint8_t*>(path.data()),
                                           path.size());
  return cmac(keyring.location_key(), std::span(&domain, 1), text);
}

}  // namespace detail

// Locations of secrets, directories and policies never meet: their PRF inputs begin with 1, 2 and 3.
inline Location secret_location(const Keyring& keyring, std::string_view path) noexcept {
  return detail::location(keyring, 1, path);
}
inline Location directory_location(const Keyring& keyring, std::string_view path) noexcept {
  return detail::location(keyring, 2, path);
}
// policy_location is that of a stored policy; without a name, of their index.
inline Location policy_location(const Keyring& keyring, std::string_view name) noexcept {
  return detail::location(keyring, 3, name);
}

inline RecordKey record_key(const Location& location) noexcept {
  RecordKey key;
  key[0] = 'r';
  std::memcpy(key.data() + 1, location.data(), location.size());
  return key;
}

// entry_prefix is what all keys of one kind in one directory begin with.
inline RecordKey entry_prefix(EntryKind kind, const Location& directory) noexcept {
  RecordKey prefix = record_key(directory);
  prefix[0] = static_cast<std::uint8_t>(kind);
  return prefix;
}

// entry_key is the backend key of one entry. segment: 1..255 bytes without NUL, as Path has them.
inline EntryKey entry_key(const Keyring& keyring, EntryKind kind, const Location& directory,
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

// open_entry gives the segment of a backend key that a scan of entry_prefix found.
// Returns nothing when the key was not made by this store for this directory.
inline std::optional<std::string> open_entry(const Keyring& keyring, EntryKind kind,
                                             const Location& directory,
                                             std::span<const std::uint8_t> key) {
  const RecordKey prefix = entry_prefix(kind, directory);
  if (key.size() < prefix.size() + kTagLen + 16 || key.size() > kMaxEntryKeyLen) return {};
  const auto sealed = key.subspan(prefix.size());
  std::array<std::uint8_t, 256> padded{};
  const auto out = std::span(padded).first(sealed.size() - kTagLen);
  if (!siv_open(keyring.name_key(), std::span(prefix).first(1), directory, sealed, out)) return {};
  std::size_t len = out.size();
  while (len > 0 && out[len - 1] == 0) --len;
  return std::string(reinterpret_cast<const char*>(out.data()), len);
}

}  // namespace strongroom
