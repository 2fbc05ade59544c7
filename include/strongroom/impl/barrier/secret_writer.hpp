// secret_writer.hpp: how the barrier writes secrets: sealed, under a fence, in one commit.
//
// A write reads what is stored, checks its condition, and commits only if the record and the fence are
// still as they were read. While other writers are faster with the record, it reads again. If the fence
// is not the one under which it was permitted, it writes nothing. It must never write twice what it
// acknowledges once.
//
// Threads  any number at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/keys/fence.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

class SecretWriter {
 public:
  SecretWriter(Backend& backend, KeyKeeper& keeper, SecretReader& reader, Timeout timeout)
      : backend_(backend), keeper_(keeper), reader_(reader), timeout_(timeout) {}
  SecretWriter(const SecretWriter&) = delete;
  SecretWriter& operator=(const SecretWriter&) = delete;

  // write stores a value and its directory entries in one commit, and returns the value's revision;
  // nothing if the permit no longer holds.
  //
  // value   0..max_secret_len bytes; borrowed.  content: text must be UTF-8.
  // Errors  invalid, too_large: before anything is written.  already_exists, not_found, conflict: the
  //         condition did not hold.  corrupt: what is stored at the path does not open; it stays.
  Result<Fenced<Revision>> write(const Path& path, Content content, SecretView value,
                                 Condition condition, Permit permit);

  // erase leaves a tombstone with the next revision, so that the path's revisions go on counting.
  // Errors  not_found.  conflict: the secret is not in the revision that the condition names.
  Result<Fenced<Revision>> erase(const Path& path, Condition condition, Permit permit);

 private:
  // Current is what is stored at a path now.
  struct Current {
    Version version = kAbsent;
    bool alive = false;  // a secret, not a tombstone
    Revision revision{};
    std::uint64_t created_ms = 0;
  };

  // Next is what to store there instead.
  struct Next {
    RecordKind kind;
    Metadata metadata;
    SecretView value;
  };

  // Entries are the keys of a secret's directory entries: its own, then its folders' from the root.
  struct Entries {
    std::vector<EntryKey> keys;
    std::vector<bool> present;
  };

  // ---- records ----

  Result<Current> current_of(const Keys& keys, const Location& location, Fetched& fetched) const;

  static Result<void> check(const Path& path, const Current& current, Condition condition);

  // Attempt is the outcome of one try.
  enum class Fate : std::uint8_t {
    written,
    beaten,
    fence_moved
  };  // beaten: another writer was faster with the record
  struct Attempt {
    Fate fate;
    Revision revision{};  // that was written
  };

  // replace reads what is stored, calls decide for what to store next, and commits that; it repeats
  // this while other writers are faster. decide(const Keys&, const Current&) -> Result<Next>.
  template <typename Decide>
  Result<Fenced<Revision>> replace(const Path& path, Permit permit, Decide decide);

  template <typename Decide>
  Result<Attempt> replace_once(const Path& path, Permit permit, Decide& decide);

  Result<Stamp> read_with_entries(ByteView record, Entries& entries, Fetched& fetched);

  static void add_missing(const Entries& entries, std::vector<Change>& batch);

  Entries entries_of(const Keyring& keyring, std::string_view path) const;

  // ---- errors ----

  static Error not_found(const Path& path) { return SecretReader::not_found(path); }
  static Error over_limit(const Path& path, const Keys& keys, SecretView value);

  Backend& backend_;
  KeyKeeper& keeper_;
  SecretReader& reader_;
  const Timeout timeout_;
};

}  // namespace strongroom
