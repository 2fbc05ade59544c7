// backups.cpp: whole stores, from one place to another.
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
static_assert(sizeof(strongroom_copy_info::store_id) == sizeof(StoreId));

// with_info runs work() -> Result<BackupInfo> and hands out what it tells.
template <typename F>
strongroom_status with_info(strongroom_backup_info* out_info, strongroom_error** out_error,
                            F work) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    STRONGROOM_TRY(clear_struct(out_info, STRONGROOM_BACKUP_INFO_INIT));
    Result<BackupInfo> told = work();
    STRONGROOM_TRY(told);
    strongroom_backup_info info = STRONGROOM_BACKUP_INFO_INIT;
    std::memcpy(info.store_id, told->store.data(), sizeof info.store_id);
    info.generation = told->generation;
    info.created_ms = told->created_ms;
    info.num_records = told->num_records;
    info.size_bytes = told->size_bytes;
    return clear_struct(out_info, info);
  });
}

// same_identity tells whether two sessions are of one.
bool same_identity(const Identity& a, const Identity& b) {
  return a.kind() == b.kind() && a.id() == b.id() && a.space() == b.space();
}

// check_both refuses two sessions between which nothing can be moved.
Result<void> check_both(strongroom_session* from, strongroom_session* to) {
  STRONGROOM_TRY(check_handle(from, "from"));
  STRONGROOM_TRY(check_handle(to, "to"));
  if (same_identity(from->caller.identity(), to->caller.identity())) return {};
  return Error{Code::invalid, "both sessions must be of one identity"};
}

}  // namespace

strongroom_status strongroom_backup(strongroom_session* session, strongroom_backup_sink sink,
                                    strongroom_progress progress, void* self,
                                    strongroom_backup_info* out_info,
                                    strongroom_error** out_error) noexcept {
  return with_info(out_info, out_error, [&]() -> Result<BackupInfo> {
    STRONGROOM_TRY(check_handle(session, "session"));
    if (sink == nullptr) return was_null("sink");
    Listener listener(progress, self);
    const Sink take(sink, self, listener);
    return session->caller.backup(take, [&](std::uint64_t num_records, std::uint64_t len) {
      listener.tell(num_records, len);
    });
  });
}

strongroom_status strongroom_backup_verify(strongroom_backup_source source,
                                           strongroom_progress progress, void* self,
                                           strongroom_backup_info* out_info,
                                           strongroom_error** out_error) noexcept {
  return with_info(out_info, out_error, [&]() -> Result<BackupInfo> {
    if (source == nullptr) return was_null("source");
    Listener listener(progress, self);
    const Source fill(source, self, listener);
    return verify_backup(fill, [&](std::uint64_t num_records, std::uint64_t len) {
      listener.tell(num_records, len);
    });
  });
}

strongroom_status strongroom_restore(strongroom_session* session, strongroom_backup_source source,
                                     strongroom_progress progress, void* self,
                                     strongroom_backup_info* out_info,
                                     strongroom_error** out_error) noexcept {
  return with_info(out_info, out_error, [&]() -> Result<BackupInfo> {
    STRONGROOM_TRY(check_handle(session, "session"));
    if (source == nullptr) return was_null("source");
    Listener listener(progress, self);
    const Source fill(source, self, listener);
    return session->caller.restore(fill, [&](std::uint64_t num_records, std::uint64_t len) {
      listener.tell(num_records, len);
    });
  });
}

strongroom_status strongroom_migrate(strongroom_session* from, strongroom_session* to,
                                     const strongroom_pending* pending,
                                     strongroom_progress progress, void* self,
                                     uint64_t* out_num_secrets,
                                     strongroom_error** out_error) noexcept {
  give_number(out_num_secrets, uint64_t{0});
  return guarded(out_error, [&]() -> Result<void> {
    STRONGROOM_TRY(check_both(from, to));
    STRONGROOM_ASSIGN(init, change_of<PendingInit>(pending, "what was pending was no new store"));
    Listener listener(progress, self);
    auto num = from->caller.migrate(to->caller, *init, [&](std::uint64_t num_secrets) {
      return listener.tell(num_secrets, num_secrets);
    });
    STRONGROOM_TRY(num);
    give_number(out_num_secrets, num.value());
    return {};
  });
}

strongroom_status strongroom_copy_store(strongroom_session* from, strongroom_session* to,
                                        strongroom_progress progress, void* self,
                                        strongroom_copy_info* out_info,
                                        strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    STRONGROOM_TRY(clear_struct(out_info, STRONGROOM_COPY_INFO_INIT));
    STRONGROOM_TRY(check_both(from, to));
    Listener listener(progress, self);
    auto told = from->caller.copy_to(to->caller, [&](std::uint64_t num_records, std::uint64_t len) {
      return listener.tell(num_records, len);
    });
    STRONGROOM_TRY(told);
    strongroom_copy_info info = STRONGROOM_COPY_INFO_INIT;
    std::memcpy(info.store_id, told->store.data(), sizeof info.store_id);
    info.generation = told->generation;
    info.num_records = told->num_records;
    info.size_bytes = told->size_bytes;
    info.num_written = told->num_written;
    info.num_removed = told->num_removed;
    return clear_struct(out_info, info);
  });
}
