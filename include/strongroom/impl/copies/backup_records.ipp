// backup_records.ipp: the bodies of backup_records.hpp.
#include <cstddef>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/backup.hpp"
#include "strongroom/impl/backends/record_page.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/copies/backup_records.hpp"
#include "strongroom/impl/copies/backup_stream.hpp"
#include "strongroom/impl/copies/header_copies.hpp"
#include "strongroom/impl/copies/page_workers.hpp"
#include "strongroom/impl/copies/unfinished_store.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom::backup {

Result<void> Restore::begin(const BackupInfo& info, const Mark& head) {
  STRONGROOM_ASSIGN(left_over, store_.begin(info.store, head, UnfinishedStore::GoOn::from_any));
  return left_over ? store_.clear() : Result<void>();
}

Result<void> Restore::put(ByteView key, ByteView value) {
  if (page_.size() == UnfinishedStore::kMaxChanges || page_.is_full()) {
    STRONGROOM_TRY(workers_.give(std::exchange(page_, {})));
  }
  page_.add({key, value, kAbsent});
  return {};
}

Result<void> Restore::activate(const HeaderCopies& copies) {
  STRONGROOM_TRY(workers_.give(std::exchange(page_, {})));
  STRONGROOM_TRY(workers_.finish());
  return store_.activate(copies);
}

void Restore::give_up() {
  (void)workers_.finish();
  store_.give_up();
}

Result<void> Restore::commit(const RecordPage& page) {
  std::vector<Change> changes;
  for (std::size_t i = 0; i < page.size(); ++i) {
    const Record record = page.at(i);
    changes.push_back({Change::Kind::put, record.key, record.value, kAbsent});
  }
  return store_.commit(changes);
}

}  // namespace strongroom::backup
