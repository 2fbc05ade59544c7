// backups.cpp: backs up, restores and migrates whole stores.
#include <cstring>
#include <utility>

#include "callbacks.hpp"
#include "guard.hpp"
#include "pending.hpp"
#include "strongroom/backup.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

static_assert(sizeof(strongroom_backup_info::store_id) == sizeof(StoreId));
static_assert(sizeof(strongroom_migrate_info::store_id) == sizeof(StoreId));

// with_info runs work() -> Result<BackupInfo> and fills out_info with it.
template <typename F>
strongroom_status with_info(strongroom_backup_info* out_info, strongroom_error** out_error,
                            F work) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    STRONGROOM_TRY(clear_struct(out_info, STRONGROOM_BACKUP_INFO_INIT));
    Result<BackupInfo> made = work();
    STRONGROOM_TRY(made);
    strongroom_backup_info info = STRONGROOM_BACKUP_INFO_INIT;
    std::memcpy(info.store_id, made->store.data(), sizeof info.store_id);
    info.generation = made->generation;
    info.created_ms = made->created_ms;
    info.num_records = made->num_records;
    info.size_bytes = made->size_bytes;
    return clear_struct(out_info, info);
  });
}

// same_identity returns whether two identities are the same.
bool same_identity(const Identity& a, const Identity& b) {
  return a.kind() == b.kind() && a.id() == b.id() && a.space() == b.space();
}

// check_both checks both handles, and refuses sessions of different identities.
Result<void> check_both(strongroom_session* from, strongroom_session* to) {
  STRONGROOM_TRY(check_handle(from, "from"));
  STRONGROOM_TRY(check_handle(to, "to"));
  if (same_identity(from->caller.identity(), to->caller.identity())) return {};
  return Error{Code::invalid, "both sessions must have the same identity"};
}

}  // namespace

strongroom_status strongroom_backup(strongroom_session* session, strongroom_backup_sink sink,
                                    strongroom_on_progress progress, void* user_data,
                                    strongroom_backup_info* out_info,
                                    strongroom_error** out_error) noexcept {
  return with_info(out_info, out_error, [&]() -> Result<BackupInfo> {
    STRONGROOM_TRY(check_handle(session, "session"));
    if (sink == nullptr) return was_null("sink");
    Observer observer(progress, user_data);
    const Sink take(sink, user_data, observer);
    return session->caller.backup(take, [&](std::uint64_t num_records, std::uint64_t len) {
      observer.report(num_records, 0, len);
    });
  });
}

strongroom_status strongroom_backup_verify(strongroom_backup_source source,
                                           strongroom_on_progress progress, void* user_data,
                                           strongroom_backup_info* out_info,
                                           strongroom_error** out_error) noexcept {
  return with_info(out_info, out_error, [&]() -> Result<BackupInfo> {
    if (source == nullptr) return was_null("source");
    Observer observer(progress, user_data);
    const Source fill(source, user_data, observer);
    return verify_backup(fill, [&](std::uint64_t num_records, std::uint64_t len) {
      observer.report(num_records, 0, len);
    });
  });
}

strongroom_status strongroom_restore(strongroom_session* session, strongroom_backup_source source,
                                     strongroom_on_progress progress, void* user_data,
                                     strongroom_backup_info* out_info,
                                     strongroom_error** out_error) noexcept {
  return with_info(out_info, out_error, [&]() -> Result<BackupInfo> {
    STRONGROOM_TRY(check_handle(session, "session"));
    if (source == nullptr) return was_null("source");
    Observer observer(progress, user_data);
    const Source fill(source, user_data, observer);
    return session->caller.restore(fill, [&](std::uint64_t num_records, std::uint64_t len) {
      observer.report(num_records, 0, len);
    });
  });
}

namespace {

strongroom_migrate_info info_of(const CopyInfo& copied) {
  strongroom_migrate_info info = STRONGROOM_MIGRATE_INFO_INIT;
  std::memcpy(info.store_id, copied.store.data(), sizeof info.store_id);
  info.generation = copied.generation;
  info.num_records = copied.num_records;
  info.size_bytes = copied.size_bytes;
  info.num_written = copied.num_written;
  info.num_removed = copied.num_removed;
  return info;
}

Result<strongroom_migrate_info> copy_as_it_is(const Session& from, const Session& to,
                                              Observer& observer) {
  auto copied = from.copy_to(to, [&](std::uint64_t num_records, std::uint64_t len) {
    return observer.report(num_records, 0, len);
  });
  STRONGROOM_TRY(copied);
  return info_of(copied.value());
}

Result<strongroom_migrate_info> copy_rekeyed(const Session& from, const Session& to,
                                             const strongroom_pending* pending,
                                             Observer& observer) {
  STRONGROOM_ASSIGN(
      init, change_of<PendingInit>(pending, "pending is a change of slots, not a new store"));
  auto num = from.migrate(
      to, *init, [&](std::uint64_t num_secrets) { return observer.report(num_secrets, 0, 0); });
  STRONGROOM_TRY(num);
  CopyInfo copied;
  copied.store = init->store;
  copied.generation = 1;
  copied.num_records = num.value();
  copied.num_written = num.value();
  return info_of(copied);
}

}  // namespace

strongroom_status strongroom_migrate(strongroom_session* from, strongroom_session* to,
                                     const strongroom_pending* pending,
                                     strongroom_on_progress progress, void* user_data,
                                     strongroom_migrate_info* out_info,
                                     strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    STRONGROOM_TRY(clear_struct(out_info, STRONGROOM_MIGRATE_INFO_INIT));
    STRONGROOM_TRY(check_both(from, to));
    Observer observer(progress, user_data);
    auto info = pending == nullptr ? copy_as_it_is(from->caller, to->caller, observer)
                                   : copy_rekeyed(from->caller, to->caller, pending, observer);
    STRONGROOM_TRY(info);
    return clear_struct(out_info, info.value());
  });
}
