// store.ipp: the bodies of store.hpp: the life of a store, its keys, copies of it.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/anchor.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/backup.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/copies/migration.hpp"
#include "strongroom/impl/copies/store_copy.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/store/policy_in_force.hpp"
#include "strongroom/impl/store/store_deciding.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/path.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/result.hpp"
#include "strongroom/seal_status.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

Result<Store> Store::open(std::string_view url, StoreOptions options) {
  STRONGROOM_TRY(check_aes());
  STRONGROOM_ASSIGN(backend, open_backend(url, {options.must_exist, options.zk_auth}));
  return Store(std::move(backend), std::move(options));
}

Store::Store(std::unique_ptr<Backend> backend, StoreOptions options)
    : pgp_(options.pgp != nullptr ? std::move(options.pgp) : openpgp_helper()),
      timeout_(options.timeout),
      barrier_(std::make_unique<Barrier>(
          std::move(backend),
          KeeperOptions{options.timeout, options.anchor, options.share_expiry})),
      policy_(std::make_shared<PolicyInForce>(*barrier_, std::move(options.policy))) {}

Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

Result<PendingInit> Store::init(const Identity& who, const InitOptions& options) {
  STRONGROOM_TRY(may(who, Action::init));
  STRONGROOM_ASSIGN(status, barrier_->keys().status());
  if (status.initialized)
    return Error{Code::already_exists, "there is a store at " + status.url + " already"};
  return prepare_init(options, pgp_.get());
}

Result<void> Store::activate(const Identity& who, const PendingInit& pending) {
  STRONGROOM_TRY(may(who, Action::init));
  return barrier_->keys().activate(pending);
}

Result<void> Store::unseal(const Identity& who, std::span<const Credential> credentials,
                           bool lift_lock) {
  STRONGROOM_TRY(may(who, Action::unseal));
  policy_->drop_if_sealed();  // what another process sealed
  return barrier_->keys().unseal(credentials, lift_lock);
}

Result<UnsealProgress> Store::submit(const Identity& who, Credential credential, bool lift_lock) {
  STRONGROOM_TRY(may(who, Action::unseal));
  policy_->drop_if_sealed();  // what another process sealed
  return barrier_->keys().submit(std::move(credential), lift_lock);
}

Result<void> Store::forget_shares(const Identity& who) {
  STRONGROOM_TRY(may(who, Action::unseal));
  barrier_->keys().forget_shares();
  return {};
}

Result<void> Store::seal(const Identity& who) {
  STRONGROOM_TRY(may(who, Action::seal));
  auto sealed = barrier_->keys().seal();
  policy_->drop_if_sealed();
  return sealed;
}

Result<Credential> Store::unwrap(const Identity& who, ByteView message, SecretView private_key,
                                 SecretView passphrase) {
  STRONGROOM_TRY(may(who, Action::unseal));
  STRONGROOM_ASSIGN(text, pgp_->unwrap(message, private_key, passphrase));
  return Credential::parse(text.view());
}

Result<void> Store::unseal_escrowed(const Identity& who, bool lift_lock) {
  STRONGROOM_TRY(may(who, Action::unseal));
  STRONGROOM_ASSIGN(key, barrier_->keys().escrowed_key());
  STRONGROOM_ASSIGN(status, barrier_->keys().status());
  std::vector<Credential> credentials;
  Error why{Code::denied, "no share of this store is wrapped to an OpenPGP key"};
  for (const SlotStatus& slot : status.slots) {
    for (const WrappedShare& share : slot.wrapped) {
      auto credential = unwrap(who, share.message, key.view());
      if (credential)
        credentials.push_back(std::move(credential).value());
      else
        why = std::move(credential).error();
    }
  }
  if (credentials.empty()) return why;
  policy_->drop_if_sealed();  // what another process sealed
  return barrier_->keys().unseal(credentials, lift_lock);
}

Result<void> Store::rotate(const Identity& who) {
  return administer(who, Action::rotate, [&](Mark mark) { return barrier_->keys().rotate(mark); });
}

Result<void> Store::rotate_root(const Identity& who) {
  return administer(who, Action::rekey,
                    [&](Mark mark) { return barrier_->keys().rotate_root(mark); });
}

Result<PendingSlots> Store::prepare_slots(const Identity& who, const SlotChange& change) {
  STRONGROOM_TRY(may(who, Action::rekey));
  return barrier_->keys().prepare_slots(change, pgp_.get());
}

Result<void> Store::activate(const Identity& who, const PendingSlots& pending) {
  return administer(who, Action::rekey,
                    [&](Mark mark) { return barrier_->keys().activate(pending, mark); });
}

Result<ReencryptProgress> Store::reencrypt(const Identity& who, const ReencryptOptions& options,
                                           ReencryptObserver observer) {
  STRONGROOM_TRY(may(who, Action::rotate));
  return barrier_->reencrypt(options, observer);
}

Result<void> Store::retire(const Identity& who, ReencryptObserver observer) {
  return administer(who, Action::rotate,
                    [&](Mark mark) { return barrier_->retire(observer, mark); });
}

Result<bool> Store::repair(const Identity& who) {
  return administer(who, Action::rekey, [&](Mark mark) { return barrier_->keys().repair(mark); });
}

Result<BackupInfo> Store::backup(const Identity& who, BackupSink sink, BackupProgress progress) {
  STRONGROOM_TRY(may(who, Action::backup));
  STRONGROOM_TRY(barrier_->keys().check_anchor());
  return write_backup(barrier_->backend(), sink, progress);
}

Result<BackupInfo> Store::restore(const Identity& who, BackupSource source,
                                  BackupProgress progress) {
  STRONGROOM_TRY(may(who, Action::init));
  return restore_backup(source, barrier_->backend(), timeout_, progress);
}

Result<std::uint64_t> Store::migrate(const Identity& who, Store& to, const PendingInit& pending,
                                     MigrateProgress progress) {
  STRONGROOM_TRY(may_move(who, to));
  STRONGROOM_TRY(barrier_->keys().check_anchor());
  return Migration(*barrier_, to.barrier_->backend(), pending, to.timeout_).run(progress);
}

Result<CopyInfo> Store::copy_to(const Identity& who, Store& to, CopyProgress progress) {
  STRONGROOM_TRY(may_move(who, to));
  STRONGROOM_TRY(barrier_->keys().check_anchor());
  return StoreCopy(barrier_->backend(), to.barrier_->backend(), to.timeout_).run(progress);
}

Result<Anchor> Store::anchor(const Identity& who) {
  STRONGROOM_TRY(may(who, Action::backup));
  return barrier_->keys().anchor();
}

Result<OpenPgpPair> Store::generate_pair(const Identity& who, unsigned bits,
                                         const std::string& user_id) {
  STRONGROOM_TRY(may(who, Action::init));
  return pgp_->generate(bits, user_id);
}

void Store::close() {
  barrier_->keys().close();
  policy_->drop_if_sealed();
}

Result<SealStatus> Store::status() const {
  auto status = barrier_->keys().status();
  policy_->drop_if_sealed();  // it may have met the lock flag
  return status;
}

Result<void> Store::may(const Identity& who, Action action) const {
  STRONGROOM_TRY(policy_->check(who, action, Path()));
  return {};
}

Result<void> Store::may_move(const Identity& who, const Store& to) const {
  STRONGROOM_TRY(may(who, Action::backup));
  return to.may(who, Action::init);
}

}  // namespace strongroom
