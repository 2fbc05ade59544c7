// barrier.hpp: the third stage of the line: plaintext on one side, envelopes on the other.
//
// The barrier owns the keys and the backend, so what was not sealed can not be stored. It is the
// only code that sees both sides. Every operation is one commit: whatever dies in between, the
// store is as it was or as it should be. It must never write plaintext, a name or a key anywhere,
// and storage trouble must never make it drop its keys.
//
// Shared by all functions
//   Threads  any number at once. Reads wait for no other read.
//   Errors   sealed: no keys are loaded, or the handle came through a fork.  unavailable, timeout:
//            the storage's trouble; nothing was changed.  indeterminate: it may have been.
//            rollback: what is stored is older than what this process has seen of it.
//   Others   what another process changed (rotation, lock flag) is followed at the next call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/barrier/async_reads.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/names_reader.hpp"
#include "strongroom/impl/barrier/policy_records.hpp"
#include "strongroom/impl/barrier/reencryption.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/barrier/tree_watch.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/path.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

// Permit tells whether a write may happen, and under which fence (KeyKeeper::mark) that was decided:
// it happens under this one or not at all. kAny: under any. It is asked again when the fence moved.
using Permit = FunctionRef<Result<Version>()>;

class Barrier {
 public:
  explicit Barrier(std::unique_ptr<Backend> backend, KeeperOptions options = {})
      : backend_(std::move(backend)),
        timeout_(options.timeout),
        keeper_(*backend_, std::move(options)) {}
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  // What concerns the keys alone is the keeper's: see key_keeper.hpp.
  KeyKeeper& keys() noexcept { return keeper_; }
  // What concerns the stored bytes alone, as backups do: see backup.hpp.
  Backend& backend() noexcept { return *backend_; }

  // reencrypt seals everything that is stored under the newest data key; run it on a thread of your
  // own while the store is in use. See reencrypt.hpp.
  Result<ReencryptProgress> reencrypt(const ReencryptOptions& options, ReencryptObserver observer) {
    return Reencryption(*backend_, keeper_, timeout_, options).run(observer);
  }

  // retire drops all data keys but the active one, after looking whether anything still needs them:
  // the fence is raised first, so that nobody seals under an old one meanwhile, not even a process
  // that slept since before the rotation.
  // Errors  invalid: there are secrets under old data keys; re-encrypt first. Or: no old data key.
  Result<void> retire(ReencryptObserver observer, Version permitted = kAny);

  // ---- secrets ----

  // read, read_many: see SecretReader. fresh: what anybody wrote before the read began is seen.
  Result<StoredSecret> read(const Path& path, ReadOptions options = {}) {
    return reader_.read(path, options);
  }
  Result<SecretReader::Secrets> read_many(std::span<const Path> paths, ReadOptions options = {}) {
    return reader_.read_many(paths, options);
  }
  // read_many_async does not wait: see AsyncReads.
  Result<void> read_many_async(std::vector<Path> paths, AsyncReads::Callback done,
                               AsyncReads::Review review = nullptr) {
    return async_.read_many(std::move(paths), std::move(done), std::move(review));
  }

  // write stores a value, in one commit with its directory entries, and gives its revision.
  //
  // value   0..max_secret_len bytes; borrowed.  content: text must be UTF-8.
  // permit  none: the caller may.
  // Errors  invalid, too_large: before anything is written.  already_exists, not_found, conflict:
  // the
  //         condition did not hold.  corrupt: what is stored there now does not open; it stays.
  Result<Revision> write(const Path& path, Content content, SecretView value, Condition condition,
                         const Permit* permit = nullptr);

  // erase leaves a tombstone with the next revision, so that the path goes on counting.
  // Errors  not_found.  conflict: the secret is not in the revision that the condition names.
  Result<Revision> erase(const Path& path, Condition condition = Condition::update(),
                         const Permit* permit = nullptr);

  // list, list_page: see NamesReader.
  Result<std::vector<Entry>> list(const Path& folder, bool recursive,
                                  const NamesFilter* filter = nullptr) {
    return names_.list(folder, recursive, filter);
  }
  Result<ListPage> list_page(const Path& folder, ByteView after, std::size_t limit) {
    return names_.list_page(folder, after, limit);
  }

  // policies are the stored ones: see PolicyRecords.
  PolicyRecords& policies() noexcept { return policies_; }

  // watch takes stock of what lies below a prefix, to tell later what changed: see TreeWatch. It
  // must not outlive the barrier.
  Result<std::unique_ptr<TreeWatch>> watch(const Path& prefix) {
    return TreeWatch::open({*backend_, keeper_, reader_, names_, timeout_}, prefix);
  }

 private:
  static constexpr std::size_t kScanPage = 1000;

  // Current is what is stored at a path now.
  struct Current {
    Version version = kAbsent;
    bool alive = false;  // a secret, not a tombstone
    Revision revision = 0;
    std::uint64_t created_ms = 0;
  };

  // Next is what is to be stored there instead.
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

  // replace reads what is stored, lets decide say what comes next, and commits that, again and
  // again while others are faster. decide(const Keys&, const Current&) -> Result<Next>.
  template <typename Decide>
  Result<Revision> replace(const Path& path, const Permit* permit, Decide decide);

  // replace_once gives the new revision, or nothing when somebody else was faster, or the fence is not
  // the one that was permitted.
  template <typename Decide>
  Result<std::optional<Revision>> replace_once(const Path& path, Version permitted, Decide& decide);

  Result<Stamp> read_with_entries(ByteView record, Entries& entries, Fetched& fetched);

  static void add_missing(const Entries& entries, std::vector<Change>& batch);

  static Entries entries_of(const Keyring& keyring, std::string_view path);

  // ---- retirement ----

  // count_older counts the records that open under a term before first_live, and would open no more.
  Result<std::uint64_t> count_older(TermId first_live, ReencryptObserver observer);

  // needs_older tells a secret from a record that is damaged anyway, or was replaced meanwhile. What
  // a newer program made may well open to it.
  Result<bool> needs_older(std::span<const std::uint8_t> key, TermId first_live);

  // ---- errors ----

  static Error not_found(const Path& path) { return SecretReader::not_found(path); }
  static Error over_limit(const Path& path, const Keys& keys, SecretView value);
  const std::unique_ptr<Backend> backend_;
  const Timeout timeout_;
  KeyKeeper keeper_;
  SecretReader reader_{*backend_, keeper_, timeout_};
  NamesReader names_{*backend_, keeper_, timeout_};
  PolicyRecords policies_{*backend_, keeper_, timeout_};
  AsyncReads async_{*backend_, reader_, timeout_};  // last: it waits for the calls in flight
};

}  // namespace strongroom
