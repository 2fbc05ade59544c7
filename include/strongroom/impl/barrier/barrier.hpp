// barrier.hpp: the third stage of the line: plaintext on one side, envelopes on the other.
//
// The barrier owns the keys and the backend, so nothing unsealed can be stored. Its parts are the only
// code that sees both sides, and each part has one job; the barrier itself only puts them together. Every
// operation is one commit: whatever fails in between, the store is either as it was or as it should be.
// The barrier must never write plaintext, a name or a key anywhere, and errors of the storage must never
// make it drop its keys.
//
// Shared by all parts
//   Threads  any number at once. A read never waits for another read.
//   Errors   sealed: no keys are loaded, or the handle came through a fork.  unavailable, timeout:
//            the storage failed; nothing was changed.  indeterminate: something may have been changed.
//            rollback: what is stored is older than what this process has already seen.
//   Others   changes by other processes (rotation, lock flag) are followed at the next call.
#pragma once

#include <memory>
#include <utility>

#include "strongroom/backend.hpp"
#include "strongroom/impl/barrier/names_reader.hpp"
#include "strongroom/impl/barrier/policy_records.hpp"
#include "strongroom/impl/barrier/reencryption.hpp"
#include "strongroom/impl/barrier/retirement.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/barrier/secret_writer.hpp"
#include "strongroom/impl/barrier/tree_watch.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

class Barrier {
 public:
  explicit Barrier(std::unique_ptr<Backend> backend, KeeperOptions options = {})
      : backend_(std::move(backend)),
        timeout_(options.timeout),
        keeper_(*backend_, std::move(options)) {}
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  Backend& backend() noexcept { return *backend_; }  // the stored bytes, as backups need them
  KeyKeeper& keys() noexcept { return keeper_; }
  // PathRecords are the parts for what lies under paths: secrets, or the records of the host.
  struct PathRecords {
    SecretReader reader;
    SecretWriter writer;
    NamesReader names;

    PathRecords(Backend& backend, KeyKeeper& keeper, Timeout timeout, Tree tree)
        : reader(backend, keeper, timeout, tree),
          writer(backend, keeper, reader, timeout),
          names(backend, keeper, timeout, tree) {}
  };
  PathRecords& of(Tree tree) noexcept { return tree == Tree::secrets ? secrets_ : host_records_; }
  SecretReader& reader() noexcept { return secrets_.reader; }
  SecretWriter& writer() noexcept { return secrets_.writer; }
  NamesReader& names() noexcept { return secrets_.names; }
  PolicyRecords& policies() noexcept { return policies_; }

  // These parts each serve one call; they borrow the barrier.
  Reencryption reencryption(const ReencryptOptions& options) {
    return Reencryption(*backend_, keeper_, timeout_, options);
  }
  Retirement retirement() { return Retirement(*backend_, keeper_, secrets_.reader, timeout_); }
  TreeParts tree() { return {*backend_, keeper_, secrets_.reader, secrets_.names, timeout_}; }

 private:
  const std::unique_ptr<Backend> backend_;
  const Timeout timeout_;
  KeyKeeper keeper_;
  PathRecords secrets_{*backend_, keeper_, timeout_, Tree::secrets};
  PathRecords host_records_{*backend_, keeper_, timeout_, Tree::host_records};
  PolicyRecords policies_{*backend_, keeper_, timeout_};
};

}  // namespace strongroom
