// migration.ipp: the bodies of migration.hpp.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/backup.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/policy_records.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/copies/backup_records.hpp"
#include "strongroom/impl/copies/header_copies.hpp"
#include "strongroom/impl/copies/migration.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/path.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

Result<std::uint64_t> Migration::run(MigrateProgress progress) {
  STRONGROOM_ASSIGN(header, Header::decode(pending_.record));
  STRONGROOM_ASSIGN(keyring, header.open_keyring(pending_.root.view()));
  BackupInfo info;
  info.store = pending_.store;
  STRONGROOM_TRY(restore_.begin(info, {}));
  auto done = copy_folder(keyring, Tree::secrets, "", progress);
  if (done) done = copy_folder(keyring, Tree::host_records, "", progress);
  if (done) done = copy_policies(header, keyring);
  if (done) done = activate();
  if (!done && done.error().code != Code::indeterminate) restore_.give_up();
  STRONGROOM_TRY(done);
  return num_secrets_;
}

Result<void> Migration::copy_folder(const Keyring& keyring, Tree tree, const std::string& folder,
                                    MigrateProgress progress) {
  STRONGROOM_ASSIGN(path, Path::parse(folder));
  STRONGROOM_ASSIGN(entries, from_.of(tree).names.list(path, false));
  const Location directory = directory_location(keyring, folder, tree);
  for (const Entry& entry : entries) {
    const std::string below = folder.empty() ? entry.name : folder + "/" + entry.name;
    auto copied = entry.folder ? copy_folder(keyring, tree, below, progress)
                               : copy_secret(keyring, tree, below, progress);
    if (!copied && !entry.folder && copied.error().code == Code::not_found) continue;  // deleted
    STRONGROOM_TRY(copied);
    const EntryKind kind = entry.folder ? EntryKind::folder : EntryKind::secret;
    STRONGROOM_TRY(restore_.put(entry_key(keyring, kind, directory, entry.name), {}));
  }
  return {};
}

Result<void> Migration::copy_secret(const Keyring& keyring, Tree tree, const std::string& name,
                                    MigrateProgress progress) {
  STRONGROOM_ASSIGN(path, Path::parse(name));
  STRONGROOM_ASSIGN(secret, from_.of(tree).reader.read(path));
  const Location location = secret_location(keyring, name, tree);
  std::vector<std::uint8_t> envelope(kEnvelopeOverhead + secret.value.size());
  STRONGROOM_TRY(seal_envelope(
      keyring, {pending_.store, location}, RecordKind::secret, secret.revision,
      {secret.content, secret.created_ms, secret.changed_ms}, secret.value.view(), envelope));
  STRONGROOM_TRY(restore_.put(record_key(location), envelope));
  if (tree == Tree::secrets) ++num_secrets_;
  if (++num_records_ % kProgressStep == 0 && !progress(num_secrets_)) {
    return Error{Code::unavailable, "the migration was stopped; no copy was made"};
  }
  return {};
}

Result<void> Migration::copy_policies(Header& header, const Keyring& keyring) {
  record_ = pending_.record;
  STRONGROOM_ASSIGN(read, from_.policies().read());
  const PolicyIndex& index = read.index;
  if (index.revision == Revision()) return {};
  for (std::size_t i = 0; i < index.entries.size(); ++i) {
    const PolicyEntry& entry = index.entries[i];
    STRONGROOM_TRY(put_policy(keyring, entry, read.texts[i]));
  }
  std::vector<std::uint8_t> envelope;
  STRONGROOM_TRY(seal_policy_index(keyring, pending_.store, index, now_ms(), envelope));
  STRONGROOM_TRY(restore_.put(record_key(policy_location(keyring, "")), envelope));
  KeyringEdit edit;
  edit.policy_revision = index.revision;
  STRONGROOM_ASSIGN(edited, keyring.edited(edit));
  STRONGROOM_TRY(header.seal_keyring(edited, pending_.root.view()));
  STRONGROOM_ASSIGN(record, header.encode());
  record_ = std::move(record);
  return {};
}

Result<void> Migration::put_policy(const Keyring& keyring, const PolicyEntry& entry,
                                   const std::string& text) {
  std::vector<std::uint8_t> envelope;
  STRONGROOM_TRY(seal_policy(keyring, pending_.store, entry, text, envelope));
  return restore_.put(record_key(policy_location(keyring, entry.name)), envelope);
}

Result<void> Migration::activate() {
  backup::HeaderCopies copies;
  const auto fence = fence_record(1);
  const std::pair<ByteView, ByteView> records[] = {
      {kHeaderKey, record_}, {kHeaderCopyKey, record_}, {kFenceKey, fence}};
  for (const auto& [key, value] : records) {
    STRONGROOM_TRY(copies.take(key, value));
  }
  if (!pending_.escrow.empty()) {
    STRONGROOM_TRY(restore_.put(kEscrowKey, pending_.escrow.reveal()));
  }
  return restore_.activate(copies);
}

}  // namespace strongroom
