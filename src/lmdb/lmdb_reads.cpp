// lmdb_reads.cpp: how threads share the places for readers, in short and in long reads.
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "lmdb_env.hpp"
#include "strongroom/impl/base/gate.hpp"
#include "strongroom/impl/base/propagate.hpp"

namespace strongroom::lmdb {
namespace {

using std::chrono::steady_clock;

}  // namespace

ReadSlot* Env::take_slot(Timeout timeout) noexcept {
  const unsigned home = thread_stripe(kNumSlots);
  if (slots_[home].take()) return &slots_[home];
  const Deadline deadline = deadline_after(timeout);
  do {
    for (unsigned i = 1; i <= kNumSlots; ++i) {
      ReadSlot& slot = slots_[(home + i) % kNumSlots];
      if (slot.take()) return &slot;
    }
    std::this_thread::yield();
  } while (steady_clock::now() < deadline);
  return nullptr;
}

// renew gives the slot's transaction the newest snapshot.
int Env::renew(ReadSlot& slot) noexcept {
  if (broken_) return MDB_PANIC;
  if (slot.txn != nullptr) {
    const int rc = mdb_txn_renew(slot.txn);
    if (rc != MDB_BAD_RSLOT) return rc;
    mdb_txn_abort(slot.txn);  // another process cleared the table of readers
    slot.txn = nullptr;
  }
  return begin_read(&slot.txn);
}

int Env::begin_read(MDB_txn** txn) noexcept {
  const int rc = mdb_txn_begin(env_.get(), nullptr, MDB_RDONLY, txn);
  if (rc != MDB_READERS_FULL) return rc;
  (void)mdb_reader_check(env_.get(), nullptr);
  return mdb_txn_begin(env_.get(), nullptr, MDB_RDONLY, txn);
}

Result<ReadLock> Env::lock_out_writers(Timeout timeout) const {
  if (!directory_.read_only()) return ReadLock();
  return ReadLock::take(directory_, deadline_after(timeout));
}

Error Env::no_place() const {
  return {Code::timeout, name() + " had no place for another reader in time"};
}

Result<Snapshot> Env::snapshot(Timeout timeout) {
  STRONGROOM_ASSIGN(no_writer, lock_out_writers(timeout));
  for (;;) {
    ReadSlot* const slot = take_slot(timeout);
    if (slot == nullptr) return no_place();
    const int rc = renew(*slot);
    if (rc == 0) return Snapshot(slot, std::move(no_writer));
    slot->give();
    if (rc != MDB_MAP_RESIZED) return error(rc);
    STRONGROOM_TRY(follow_growth(timeout));
  }
}

Result<void> Env::begin_long(LongRead& read, Timeout timeout) {
  STRONGROOM_ASSIGN(no_writer, lock_out_writers(timeout));
  read.lock = std::move(no_writer);
  {
    const std::lock_guard lock(long_mutex_);
    long_reads_.push_back(&read);
  }
  for (;;) {
    ReadSlot* const slot = take_slot(timeout);
    if (slot == nullptr) return no_place();
    const int rc = broken_ ? MDB_PANIC : begin_read(&read.txn);
    if (rc == 0) read.stamp = Stamp(mdb_txn_id(read.txn));
    slot->give();
    if (rc == 0) return {};
    if (rc != MDB_MAP_RESIZED) return error(rc);
    STRONGROOM_TRY(follow_growth(timeout));
  }
}

void Env::end_long(LongRead& read) noexcept {
  const std::lock_guard lock(long_mutex_);
  std::erase(long_reads_, &read);
  if (read.txn != nullptr) mdb_txn_abort(read.txn);
  read.txn = nullptr;
  read.lock = ReadLock();
}

// end_long_reads ends all long reads. The caller holds all slots, so none is being used.
void Env::end_long_reads() noexcept {
  const std::lock_guard lock(long_mutex_);
  for (LongRead* const read : long_reads_) {
    if (read->txn != nullptr) mdb_txn_abort(read->txn);
    read->txn = nullptr;
  }
}

}  // namespace strongroom::lmdb
