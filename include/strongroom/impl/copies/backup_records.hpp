// backup_records.hpp: what the records of a backup do to a storage: the header's kept back, the
// others put in small commits, several of them at once, and all of it nothing until the last one.
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

// Restore puts records into a storage that holds no store. For one thread.
class Restore {
 public:
  Restore(Backend& into, Timeout timeout) : store_(into, timeout) {}

  // begin puts the marker and clears what an earlier restore or copy left.
  // Errors  as of UnfinishedStore::begin.
  Result<void> begin(const BackupInfo& info, const Mark& head);

  // put keeps a record and commits when there is enough of them. Errors  conflict: the marker is not
  // ours any more, or the record was there. An error may be that of a record before.
  Result<void> put(ByteView key, ByteView value);

  // activate makes it a store. Errors  as of put, and of UnfinishedStore::activate.
  Result<void> activate(const HeaderCopies& copies);

  // give_up clears what was put, as far as the storage lets it, so that it is as it was.
  void give_up();

 private:
  Result<void> commit(const RecordPage& page);

  UnfinishedStore store_;
  RecordPage page_;
  PageWorkers workers_{[this](const RecordPage& page) { return commit(page); }};
};

}  // namespace strongroom::backup
