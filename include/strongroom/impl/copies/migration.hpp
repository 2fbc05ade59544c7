// migration.hpp: a whole store copied into another storage under fresh keys, names included.
//
// A backup keeps the keys, so anyone who once held them can open it. A migration does not keep them:
// nothing in the copy opens with a key of the old store. As in a restore, the header comes last. Until
// then there is no store, and a copy that was stopped is simply made again. Deleted secrets leave no
// trace in the copy, so the revisions of a path that was deleted start anew.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/policy_records.hpp"
#include "strongroom/impl/copies/backup_records.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/result.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

class Migration {
 public:
  // pending  from prepare_init; the credentials that it handed out will open the copy.
  Migration(Barrier& from, Backend& to, const PendingInit& pending, Timeout timeout)
      : from_(from), pending_(pending), restore_(to, timeout) {}

  // run copies the secrets, each with its revision and times, and returns their number. What is written
  // to the old store meanwhile may or may not be in the copy. After an error there is no copy.
  // Errors  already_exists: a store is there.  corrupt: a secret did not open.  sealed.
  Result<std::uint64_t> run(MigrateProgress progress);

 private:
  static constexpr std::uint64_t kProgressStep = 256;

  Result<void> copy_folder(const Keyring& keyring, Tree tree, const std::string& folder,
                           MigrateProgress progress);

  Result<void> copy_secret(const Keyring& keyring, Tree tree, const std::string& name,
                           MigrateProgress progress);

  // copy_policies copies the stored policies, as of one moment, and puts their revision into the header.
  Result<void> copy_policies(Header& header, const Keyring& keyring);

  Result<void> put_policy(const Keyring& keyring, const PolicyEntry& entry,
                          const std::string& text);

  Result<void> activate();

  Barrier& from_;
  const PendingInit& pending_;
  backup::Restore restore_;
  std::vector<std::uint8_t> record_;  // the header's
  std::uint64_t num_secrets_ = 0;
  std::uint64_t num_records_ = 0;  // of the host as well
};

}  // namespace strongroom
