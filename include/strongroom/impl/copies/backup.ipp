// backup.ipp: the bodies of backup.hpp.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "strongroom/backend.hpp"
#include "strongroom/backends/limits.hpp"
#include "strongroom/backup.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/copies/backup_reader.hpp"
#include "strongroom/impl/copies/backup_records.hpp"
#include "strongroom/impl/copies/backup_stream.hpp"
#include "strongroom/impl/copies/header_copies.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

namespace backup {

// read_all reads everything after the head. Header records are kept in copies; all others are passed to
// take(key, value) -> Result<void>, whose error ends it. Damaged records are skipped and reported at the
// end, or with stop_at_damage at once.
template <typename Take>
static Result<BackupInfo> read_all(StreamReader& stream, HeaderCopies& copies, bool stop_at_damage,
                                   Take take) {
  for (bool checked = false;;) {
    auto step = stream.next();
    if (!step) return stream.with_damage(std::move(step).error());
    if (*step == StreamReader::Step::damaged) {
      if (stop_at_damage) return *stream.damage();
      continue;
    }
    const bool at_end = *step == StreamReader::Step::end;
    if (!at_end) {
      STRONGROOM_ASSIGN(kept, copies.take(stream.key(), stream.value()));
      if (kept) continue;
    }
    if (!checked && !stream.damage()) {  // else the header may be among the skipped records
      STRONGROOM_TRY(copies.check_against(stream.info()));
      checked = true;
    }
    if (at_end) return stream.info();
    if (is_one_of(std::array{ByteView(kRestoreKey)}, stream.key())) {
      return Error{Code::corrupt, "the backup held the marker of a restore"};
    }
    STRONGROOM_TRY(take(stream.key(), stream.value()));
  }
}

// Writing is one call of write_backup.
class Writing {
 public:
  Writing(BackupSink sink, BackupProgress progress, std::string url)
      : stream_(sink, progress), url_(std::move(url)) {}

  // take is called with the header records first, then with the others.
  Result<void> take(const Record& record) {
    if (is_one_of(std::array{ByteView(kRestoreKey)}, record.key)) {
      restoring_ = true;
      return {};
    }
    STRONGROOM_ASSIGN(kept, copies_.take(record.key, record.value));
    if (kept) return {};
    STRONGROOM_TRY(begin());
    return stream_.record(record.key, record.value);
  }

  Result<BackupInfo> end() {
    STRONGROOM_TRY(begin());
    return stream_.end();
  }

 private:
  Result<void> begin() {
    if (begun_) return {};
    begun_ = true;
    auto header = copies_.header();
    if (!header && header.error().code == Code::not_initialized) return no_store();
    STRONGROOM_TRY(header);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    BackupInfo info;
    info.store = header->store;
    info.generation = header->generation;
    info.created_ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
    auto done = stream_.begin(info);
    const auto keys = HeaderCopies::keys();
    for (std::size_t i = 0; done && i < keys.size(); ++i) {
      if (copies_.at(i)) done = stream_.record(keys[i], *copies_.at(i));
    }
    return done;
  }

  Error no_store() const {
    if (!restoring_) return {Code::not_initialized, "there is no store at " + url_ + " yet"};
    return {Code::not_initialized, "a restore into " + url_ + " was stopped; run it again first"};
  }

  StreamWriter stream_;
  const std::string url_;
  HeaderCopies copies_;
  bool restoring_ = false;
  bool begun_ = false;
};

}  // namespace backup

Result<BackupInfo> write_backup(Backend& from, BackupSink sink, BackupProgress progress,
                                Timeout timeout) {
  STRONGROOM_TRY(from.sync(timeout));
  const auto copies = backup::HeaderCopies::keys();
  const std::array<ByteView, 4> first = {copies[0], copies[1], copies[2], kRestoreKey};
  backup::Writing writing(sink, progress, from.url());
  bool storage_failed = true;
  auto done = from.snapshot(
      first,
      [&](const Record& record) {
        auto taken = writing.take(record);
        storage_failed = taken.ok();
        return taken;
      },
      timeout);
  if (done) return writing.end();
  if (!storage_failed || done.error().code != Code::conflict) return std::move(done).error();
  return Error{Code::conflict, "the keys were changed while the backup was made; run it again"};
}

Result<BackupInfo> verify_backup(BackupSource source, BackupProgress progress) {
  backup::StreamReader stream(source, progress);
  STRONGROOM_TRY(stream.begin());
  backup::HeaderCopies copies;
  return backup::read_all(stream, copies, false, [](ByteView, ByteView) { return Result<void>(); });
}

Result<BackupInfo> restore_backup(BackupSource source, Backend& into, Timeout timeout,
                                  BackupProgress progress) {
  backup::StreamReader stream(source, progress);
  STRONGROOM_TRY(stream.begin());
  backup::Restore restore(into, timeout);
  STRONGROOM_TRY(restore.begin(stream.info(), stream.head_mark()));
  backup::HeaderCopies copies;
  bool storage_failed = false;
  auto done = backup::read_all(stream, copies, true, [&](ByteView key, ByteView value) {
    auto put = restore.put(key, value);
    storage_failed = !put;
    return put;
  });
  if (done) {
    auto active = restore.activate(copies);
    storage_failed = !active;
    if (!active) done = std::move(active).error();
  }
  // A conflict means that the backup had a record twice, or that another restore took over; nothing of
  // the other restore is cleared.
  const bool clear = !done && (!storage_failed || done.error().code == Code::conflict);
  if (clear) restore.give_up();
  return done;
}

}  // namespace strongroom
