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
  auto header = Header::decode(pending_.record);
  if (!header) return std::move(header).error();
  auto keyring = header->open_keyring(pending_.root.view());
  if (!keyring) return std::move(keyring).error();
  BackupInfo info;
  info.store = pending_.store;
  if (auto begun = restore_.begin(info, {}); !begun) return std::move(begun).error();
  auto done = copy_folder(keyring.value(), "", progress);
  if (done) done = copy_policies(header.value(), keyring.value());
  if (done) done = activate();
  if (!done && done.error().code != Code::indeterminate) restore_.give_up();
  if (!done) return std::move(done).error();
  return num_secrets_;
}

Result<void> Migration::copy_folder(const Keyring& keyring, const std::string& folder,
                                    MigrateProgress progress) {
  auto path = Path::parse(folder);
  if (!path) return std::move(path).error();
  auto entries = from_.list(path.value(), false);
  if (!entries) return std::move(entries).error();
  const Location directory = directory_location(keyring, folder);
  for (const Entry& entry : entries.value()) {
    const std::string below = folder.empty() ? entry.name : folder + "/" + entry.name;
    auto copied = entry.folder ? copy_folder(keyring, below, progress)
                               : copy_secret(keyring, below, progress);
    if (!copied && !entry.folder && copied.error().code == Code::not_found) continue;  // deleted
    if (!copied) return copied;
    const EntryKind kind = entry.folder ? EntryKind::folder : EntryKind::secret;
    auto put = restore_.put(entry_key(keyring, kind, directory, entry.name), {});
    if (!put) return put;
  }
  return {};
}

Result<void> Migration::copy_secret(const Keyring& keyring, const std::string& name,
                                    MigrateProgress progress) {
  auto path = Path::parse(name);
  if (!path) return std::move(path).error();
  auto secret = from_.read(path.value());
  if (!secret) return std::move(secret).error();
  const Location location = secret_location(keyring, name);
  std::vector<std::uint8_t> envelope(kEnvelopeOverhead + secret->value.size());
  auto sealed = seal_envelope(
      keyring, {pending_.store, location}, RecordKind::secret, secret->revision,
      {secret->content, secret->created_ms, secret->changed_ms}, secret->value.view(), envelope);
  if (!sealed) return sealed;
  if (auto put = restore_.put(record_key(location), envelope); !put) return put;
  if (++num_secrets_ % kProgressStep == 0 && !progress(num_secrets_)) {
    return Error{Code::unavailable, "the migration was stopped; nothing was made"};
  }
  return {};
}

Result<void> Migration::copy_policies(Header& header, const Keyring& keyring) {
  record_ = pending_.record;
  auto read = from_.policies().read();
  if (!read) return std::move(read).error();
  const PolicyIndex& index = read->index;
  if (index.revision == 0) return {};
  for (std::size_t i = 0; i < index.entries.size(); ++i) {
    const PolicyEntry& entry = index.entries[i];
    if (auto put = put_policy(keyring, entry, read->texts[i]); !put) return put;
  }
  std::vector<std::uint8_t> envelope;
  auto sealed = seal_policy_index(keyring, pending_.store, index, now_ms(), envelope);
  if (!sealed) return sealed;
  auto put = restore_.put(record_key(policy_location(keyring, "")), envelope);
  if (!put) return put;
  KeyringEdit edit;
  edit.policy_revision = index.revision;
  auto edited = keyring.edited(edit);
  if (!edited) return std::move(edited).error();
  if (auto done = header.seal_keyring(edited.value(), pending_.root.view()); !done) return done;
  auto record = header.encode();
  if (!record) return std::move(record).error();
  record_ = std::move(record).value();
  return {};
}

Result<void> Migration::put_policy(const Keyring& keyring, const PolicyEntry& entry,
                                   const std::string& text) {
  std::vector<std::uint8_t> envelope;
  auto sealed = seal_policy(keyring, pending_.store, entry, text, envelope);
  if (!sealed) return sealed;
  return restore_.put(record_key(policy_location(keyring, entry.name)), envelope);
}

Result<void> Migration::activate() {
  backup::HeaderCopies copies;
  const auto fence = fence_record(1);
  const std::pair<ByteView, ByteView> records[] = {
      {kHeaderKey, record_}, {kHeaderCopyKey, record_}, {kFenceKey, fence}};
  for (const auto& [key, value] : records) {
    if (auto taken = copies.take(key, value); !taken) return std::move(taken).error();
  }
  if (!pending_.escrow.empty()) {
    if (auto put = restore_.put(kEscrowKey, pending_.escrow.reveal()); !put) return put;
  }
  return restore_.activate(copies);
}

}  // namespace strongroom
