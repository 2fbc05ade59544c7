// secrets.hpp: what goes into a store and comes out of it: secrets, lists, changes.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

// Content keeps text and binary apart: text is UTF-8 and may be shown in JSON.
enum class Content : std::uint8_t { text = 1, binary = 2 };

// StoredSecret is the result of reading a secret.
struct StoredSecret {
  SecretBytes value;
  Content content = Content::binary;
  Revision revision{};
  std::uint64_t created_ms = 0;
  std::uint64_t changed_ms = 0;
  // Over zero: the storage is out of reach, and this is what it held that long ago.
  std::uint64_t stale_ms = 0;
};

// ReadOptions say how a secret is read.
struct ReadOptions {
  // With fresh, the read sees every write that was acknowledged to any client before it began, whatever
  // that costs the storage. Without it, the read may lag as far as the storage documents.
  bool fresh = false;
};

// GetOptions are those of a read of one secret. The texts are borrowed for the call.
struct GetOptions {
  bool fresh = false;  // as in ReadOptions
  // The secret is a JSON object, and the string of its member of this name is read.
  std::optional<std::string_view> key{};
  // The policy judges this path instead of the secret's own: see session.hpp.
  std::optional<std::string_view> decide_path{};

  operator ReadOptions() const noexcept { return {fresh}; }
};

// Condition is what must hold for a write to happen.
struct Condition {
  enum class Kind : std::uint8_t { any, create, update, revision };
  Kind kind = Kind::any;
  Revision revision{};

  static Condition any() { return {}; }
  static Condition create() { return {Kind::create, {}}; }
  static Condition update() { return {Kind::update, {}}; }
  // at is compare-and-set: the secret must exist in exactly this revision.
  static Condition at(Revision revision) { return {Kind::revision, revision}; }
};

// WriteOptions are those of a write or a deletion. The text is borrowed for the call.
struct WriteOptions {
  Condition condition{};
  std::optional<std::string_view> decide_path{};  // as in GetOptions

  WriteOptions() = default;
  WriteOptions(Condition only_if) : condition(only_if) {}  // NOLINT: most writes have no more
};

// Entry is one line of a list, relative to the listed path. A secret and a folder may share a name.
struct Entry {
  std::string name;
  bool folder = false;

  friend bool operator==(const Entry&, const Entry&) = default;
  friend auto operator<=>(const Entry&, const Entry&) = default;
};

struct ListPage {
  std::vector<Entry> entries;      // in the backend's order
  std::vector<std::uint8_t> next;  // pass it to get the next page; empty: this was the last
};

// ListOptions say what a list contains.
struct ListOptions {
  bool recursive = false;  // every secret below, and no folders
  // visible needs no right to list: it lists the secrets that the caller may read, update or delete, and
  // the folders that hold any of these. It shows neither that there are other secrets nor that a folder
  // has none. It takes as long as looking at everything below.
  bool visible = false;
  // As in GetOptions, of the folder; what lies below it is judged below this path.
  std::optional<std::string_view> decide_path{};
};

// WatchEvent is what happened to one secret since it was last reported.
struct WatchEvent {
  enum class Kind : std::uint8_t { changed = 1, deleted = 2 };
  Kind kind = Kind::changed;
  std::string path;     // from the root
  Revision revision{};  // the newest one, or that of the deletion; 0: unknown (does not open)

  friend bool operator==(const WatchEvent&, const WatchEvent&) = default;
};

}  // namespace strongroom
