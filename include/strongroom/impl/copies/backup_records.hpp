// backup_records.hpp: how a restore puts the records of a backup into a storage: the header records are
// held back, the others are put in small commits, several at once. There is no store until the last one.
#pragma once

#include "strongroom/backend.hpp"
#include "strongroom/backup.hpp"
#include "strongroom/impl/backends/record_page.hpp"
#include "strongroom/impl/copies/backup_stream.hpp"
#include "strongroom/impl/copies/header_copies.hpp"
#include "strongroom/impl/copies/page_workers.hpp"
#include "strongroom/impl/copies/unfinished_store.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom::backup {

// Restore puts records into a storage that holds no store. Threads  one.
class Restore {
 public:
  Restore(Backend& into, Timeout timeout) : store_(into, timeout) {}

  // begin puts the marker and clears what an earlier restore or copy left.
  // Errors  as of UnfinishedStore::begin.
  Result<void> begin(const BackupInfo& info, const Mark& head);

  // put collects records and commits when there are enough. Errors  conflict: the marker is no longer
  // ours, or the record was there already. An error may belong to an earlier record.
  Result<void> put(ByteView key, ByteView value);

  // activate makes it a store. Errors  as of put, and of UnfinishedStore::activate.
  Result<void> activate(const HeaderCopies& copies);

  // give_up clears what was put, as far as the storage allows, so that the storage is as it was.
  void give_up();

 private:
  Result<void> commit(const RecordPage& page);

  UnfinishedStore store_;
  RecordPage page_;
  PageWorkers workers_{[this](const RecordPage& page) { return commit(page); }};
};

}  // namespace strongroom::backup
