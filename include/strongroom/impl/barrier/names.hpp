// names.hpp: where records lie in the backend, and how a directory's entries are sealed.
//
// A backend key is a keyed PRF of the canonical path, so a dump of the storage shows no names. The key of
// a directory entry carries the entry's segment under deterministic authenticated encryption, bound to
// the directory and padded to 16 bytes. So a list needs no record of its own.
//
//   "r" location(secret)                  the sealed secret, or the tombstone of a deleted one
//   "r" location(policy)                  a stored policy, or the index of them: policy_records.hpp
//   "r" location(host record)             a record of the host, sealed as a secret is
//   "s" location(directory) sealed name   here is a secret of that name
//   "g" location(directory) sealed name   here is a folder of that name
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/keys/keyring.hpp"

namespace strongroom {

enum class EntryKind : std::uint8_t { secret = 's', folder = 'g' };

using RecordKey = std::array<std::uint8_t, 1 + sizeof(Location)>;
using EntryKey = std::vector<std::uint8_t>;

inline constexpr std::size_t kMaxEntryKeyLen = 1 + sizeof(Location) + kTagLen + 256;

namespace detail {

Location location(const Keyring& keyring, std::uint8_t domain, std::string_view path) noexcept;

}  // namespace detail

// Tree is one of the two trees of paths in a store, which share no record and no directory.
enum class Tree : std::uint8_t { secrets, host_records };

// Locations are kept apart: the PRF input of a secret begins with 1, of its directories with 2, of a policy
// with 3, of a host record with 4, of its directories with 5.
inline Location secret_location(const Keyring& keyring, std::string_view path,
                                Tree tree = Tree::secrets) noexcept {
  return detail::location(keyring, tree == Tree::secrets ? 1 : 4, path);
}
inline Location directory_location(const Keyring& keyring, std::string_view path,
                                   Tree tree = Tree::secrets) noexcept {
  return detail::location(keyring, tree == Tree::secrets ? 2 : 5, path);
}
// policy_location is the location of a stored policy, or with an empty name that of their index.
inline Location policy_location(const Keyring& keyring, std::string_view name) noexcept {
  return detail::location(keyring, 3, name);
}

RecordKey record_key(const Location& location) noexcept;

// entry_prefix returns what all entry keys of one kind in one directory begin with.
RecordKey entry_prefix(EntryKind kind, const Location& directory) noexcept;

// entry_key returns the backend key of one entry. segment: 1..255 bytes without NUL, as in a Path.
EntryKey entry_key(const Keyring& keyring, EntryKind kind, const Location& directory,
                   std::string_view segment);

// EntryReader opens the entries of one kind in one directory. It borrows the keyring.
class EntryReader {
 public:
  EntryReader(const Keyring& keyring, EntryKind kind, const Location& directory) noexcept;
  ~EntryReader();
  EntryReader(const EntryReader&) = delete;
  EntryReader& operator=(const EntryReader&) = delete;

  // open returns the segment in a backend key that a scan of entry_prefix found.
  // Returns nothing if the key was not made by this store for this directory.
  std::optional<std::string> open(std::span<const std::uint8_t> key) const;

 private:
  const SivKey& key_;
  SivHead head_;
};

// open_entry is an EntryReader for one entry.
inline std::optional<std::string> open_entry(const Keyring& keyring, EntryKind kind,
                                             const Location& directory,
                                             std::span<const std::uint8_t> key) {
  return EntryReader(keyring, kind, directory).open(key);
}

}  // namespace strongroom
