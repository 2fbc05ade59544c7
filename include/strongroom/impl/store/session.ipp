// session.ipp: the bodies of session.hpp about the store as a whole: its life, its keys, copies of it.
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "strongroom/anchor.hpp"
#include "strongroom/backup.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/reencryption.hpp"
#include "strongroom/impl/barrier/retirement.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/copies/migration.hpp"
#include "strongroom/impl/copies/store_copy.hpp"
#include "strongroom/impl/keys/fence.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/store/engine.hpp"
#include "strongroom/impl/store/policy_in_force.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/session.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

Result<PendingInit> Session::init(const InitOptions& options) const {
  STRONGROOM_TRY(may(Action::init));
  STRONGROOM_ASSIGN(status, engine_->barrier.keys().status());
  if (status.initialized)
    return Error{Code::already_exists, "there is a store at " + status.url + " already"};
  return prepare_init(options, engine_->pgp.get());
}

Result<void> Session::activate(const PendingInit& pending) const {
  STRONGROOM_TRY(may(Action::init));
  return engine_->barrier.keys().activate(pending);
}

Result<void> Session::unseal(std::span<const Credential> credentials, bool lift_lock) const {
  STRONGROOM_TRY(may(Action::unseal));
  engine_->policy.drop_if_sealed();  // what another process sealed
  return engine_->barrier.keys().unseal(credentials, lift_lock);
}

Result<void> Session::unseal(const Credential& credential, bool lift_lock) const {
  return unseal(std::span(&credential, 1), lift_lock);
}

Result<UnsealProgress> Session::submit(Credential credential, bool lift_lock) const {
  STRONGROOM_TRY(may(Action::unseal));
  engine_->policy.drop_if_sealed();  // what another process sealed
  return engine_->barrier.keys().submit(std::move(credential), lift_lock);
}

Result<void> Session::forget_shares() const {
  STRONGROOM_TRY(may(Action::unseal));
  engine_->barrier.keys().forget_shares();
  return {};
}

Result<void> Session::seal(SealScope scope) const {
  STRONGROOM_TRY(may(Action::seal));
  Result<void> sealed;
  if (scope == SealScope::everywhere) {
    sealed = engine_->barrier.keys().seal();
  } else {
    engine_->barrier.keys().close();
  }
  engine_->policy.drop_if_sealed();
  return sealed;
}

Result<Credential> Session::unwrap(ByteView message, SecretView private_key,
                                   SecretView passphrase) const {
  STRONGROOM_TRY(may(Action::unseal));
  STRONGROOM_ASSIGN(text, engine_->pgp->unwrap(message, private_key, passphrase));
  return Credential::parse(text.view());
}

Result<void> Session::unseal_escrowed(bool lift_lock) const {
  STRONGROOM_TRY(may(Action::unseal));
  engine_->policy.drop_if_sealed();  // what another process sealed
  return engine_->barrier.keys().unseal_escrowed(*engine_->pgp, lift_lock);
}

Result<OpenPgpPair> Session::generate_pair(unsigned bits, const std::string& user_id) const {
  STRONGROOM_TRY(may(Action::init));
  return engine_->pgp->generate(bits, user_id);
}

Result<void> Session::rotate() const {
  return engine_->policy.under(who_, Request::of_store(Action::rotate), [&](Permit permit) {
    return engine_->barrier.keys().rotate(permit);
  });
}

Result<void> Session::rotate_root() const {
  return engine_->policy.under(who_, Request::of_store(Action::rekey), [&](Permit permit) {
    return engine_->barrier.keys().rotate_root(permit);
  });
}

Result<PendingSlots> Session::prepare_slots(const SlotChange& change) const {
  return engine_->policy.under(who_, Request::of_store(Action::rekey), [&] {
    return engine_->barrier.keys().prepare_slots(change, engine_->pgp.get());
  });
}

Result<void> Session::activate(const PendingSlots& pending) const {
  return engine_->policy.under(who_, Request::of_store(Action::rekey), [&](Permit permit) {
    return engine_->barrier.keys().activate(pending, permit);
  });
}

Result<ReencryptProgress> Session::reencrypt(const ReencryptOptions& options,
                                             ReencryptObserver observer) const {
  STRONGROOM_TRY(may(Action::rotate));
  return engine_->barrier.reencryption(options).run(observer);
}

Result<void> Session::retire(ReencryptObserver observer) const {
  const auto rotate = Request::of_store(Action::rotate);
  Retirement retirement = engine_->barrier.retirement();
  auto first =
      engine_->policy.under(who_, rotate, [&](Permit permit) { return retirement.begin(permit); });
  STRONGROOM_TRY(first);
  STRONGROOM_TRY(
      engine_->policy.under(who_, rotate, [&] { return retirement.check(*first, observer); }));
  return engine_->policy.under(
      who_, rotate, [&](Permit permit) { return engine_->barrier.keys().retire(*first, permit); });
}

Result<bool> Session::repair() const {
  return engine_->policy.under(who_, Request::of_store(Action::rekey), [&](Permit permit) {
    return engine_->barrier.keys().repair(permit);
  });
}

Result<BackupInfo> Session::backup(BackupSink sink, BackupProgress progress) const {
  STRONGROOM_TRY(may(Action::backup));
  STRONGROOM_TRY(engine_->barrier.keys().check_anchor());
  return write_backup(engine_->barrier.backend(), sink, progress);
}

Result<BackupInfo> Session::restore(BackupSource source, BackupProgress progress) const {
  STRONGROOM_TRY(may(Action::init));
  return restore_backup(source, engine_->barrier.backend(), engine_->timeout, progress);
}

Result<std::uint64_t> Session::migrate(const Session& to, const PendingInit& pending,
                                       MigrateProgress progress) const {
  STRONGROOM_TRY(may_copy(to));
  Engine& target = *to.engine_;
  return Migration(engine_->barrier, target.barrier.backend(), pending, target.timeout)
      .run(progress);
}

Result<CopyInfo> Session::copy_to(const Session& to, CopyProgress progress) const {
  STRONGROOM_TRY(may_copy(to));
  Engine& target = *to.engine_;
  return StoreCopy(engine_->barrier.backend(), target.barrier.backend(), target.timeout)
      .run(progress);
}

Result<Anchor> Session::anchor() const {
  return engine_->policy.under(who_, Request::of_store(Action::backup),
                               [&] { return engine_->barrier.keys().anchor(); });
}

Result<void> Session::may(Action action) const {
  STRONGROOM_TRY(engine_->policy.decide(who_, Request::of_store(action)));
  return {};
}

Result<void> Session::may_copy(const Session& to) const {
  STRONGROOM_TRY(may(Action::backup));
  STRONGROOM_TRY(to.may(Action::init));
  return engine_->barrier.keys().check_anchor();
}

}  // namespace strongroom
