// audit_keeper.cpp: the thread that keeps the head of an audit log in the store; see audit_state.hpp.
#include <chrono>
#include <stdexcept>
#include <utility>

#include "audit/audit_state.hpp"

namespace strongroomd {
namespace {

using strongroom_audit::Head;
using strongroom_audit::HeadRecord;
using strongroom_audit::Line;

constexpr std::chrono::seconds kKeepTime{1};

}  // namespace

void AuditLog::State::run() noexcept {
  std::unique_lock lock(mutex);
  while (await_change(lock)) {
    lock.unlock();
    keep();
    lock.lock();
  }
  lock.unlock();
  keep();
}

// await_change waits for a change, and then for more of them, up to a second.
// Returns  false when the server stops.
bool AuditLog::State::await_change(std::unique_lock<std::mutex>& lock) {
  wake.wait(lock, [this] { return stopping || dirty || at_once; });
  wake.wait_for(lock, kKeepTime, [this] { return stopping || at_once; });
  at_once = false;
  num_new = 0;
  return !stopping;
}

void AuditLog::State::keep() noexcept try {
  if (keep_now()) trouble_reported.clear();
} catch (const strongroom_abi::Error& error) {
  kept.reset();
  if (error.status() != STRONGROOM_SEALED && error.status() != STRONGROOM_NOT_INITIALIZED)
    trouble(std::string("its head cannot be kept in the store: ") + error.what());
} catch (const std::exception& error) {
  kept.reset();
  trouble(error.what());
}

void AuditLog::State::trouble(const std::string& what) {
  if (what == trouble_reported) return;
  trouble_reported = what;
  report(what);
}

// keep_now puts the head into the store, after the lines that it protects are on the disk.
// Returns  false if the log cannot say that it differs from the store.
bool AuditLog::State::keep_now() {
  const Snapshot moved =
      take(false);  // also while sealed, so that files that were moved away are closed
  sync(moved.files);
  if (moved.compare) kept.reset();
  if (!kept && !compare()) return false;
  const Snapshot now = take(true);
  try {
    sync(now.files);
    if (kept->record.head.hash != now.head.hash) put(now.head);
  } catch (...) {
    const std::lock_guard lock(mutex);
    dirty = true;
    throw;
  }
  return true;
}

// take takes what there is to be done.
// all  also the file that is written to; what comes from now on is a change.
AuditLog::State::Snapshot AuditLog::State::take(bool all) {
  const std::lock_guard lock(mutex);
  Snapshot taken{head, std::exchange(retired, {}), false};
  if (all) {
    taken.files.push_back(file);
    dirty = false;
  } else {
    taken.compare = std::exchange(compare_again, false);
  }
  return taken;
}

void AuditLog::State::sync(const std::vector<std::shared_ptr<AuditFile>>& files) const {
  for (const auto& each : files) {
    if (!each->sync()) throw std::runtime_error("'" + path + "' cannot be synced to the disk");
  }
}

std::optional<AuditLog::State::Kept> AuditLog::State::read_kept() {
  try {
    const strongroom_abi::Secret found = session.record("audit/" + instance);
    const auto record = strongroom_audit::parse_head(found.reveal());
    if (!record)
      throw std::runtime_error("the record audit/" + instance + " in the store is no head");
    return Kept{*record, found.describe().revision};
  } catch (const strongroom_abi::Error& error) {
    if (error.status() != STRONGROOM_NOT_FOUND) throw;
    return {};
  }
}

// compare reads the head in the store, and writes a line if this log does not contain it: the line is in the log before
// the head is replaced.
// Returns  false if that line cannot be written.
bool AuditLog::State::compare() {
  auto found = read_kept();
  if (found && !contains(found->record.head)) {
    // Once only, also where the head cannot be replaced at once.
    const auto& hash = found->record.head.hash;
    if (behind_reported != hash && !report_behind(found->record.head)) return false;
    behind_reported = hash;
    ++found->record.breaks;
    found->record.head.hash = {};  // it is to be replaced
  }
  kept = found.value_or(Kept{});
  return true;
}

// contains returns false also if lines after the head were cut off and others written. Where the head is of a file
// before this one, `strongroom audit verify` finds out.
bool AuditLog::State::contains(const Head& of_store) {
  std::shared_ptr<AuditFile> now;
  {
    const std::lock_guard lock(mutex);
    if (of_store.seq > head.seq) return false;
    if (of_store.seq == head.seq) return of_store.hash == head.hash;
    now = file;
  }
  const auto before = now->first_previous();
  if (before && of_store.seq < before->seq) return true;
  const auto hash = now->hash_at(of_store.seq);
  return hash && *hash == of_store.hash;
}

bool AuditLog::State::report_behind(const Head& of_store) {
  trouble("'" + path + "' does not contain the head that the store has, line " +
          std::to_string(of_store.seq) + ": lines were removed or changed");
  const std::lock_guard lock(mutex);
  return append_event(strongroom_audit::kBehind, [&](Line& made) {
    made.number("head_seq", of_store.seq);
    made.hex("head_hash", of_store.hash.data(), of_store.hash.size());
  });
}

void AuditLog::State::put(const Head& now) {
  strongroom_put_options options = STRONGROOM_PUT_OPTIONS_INIT;
  options.condition =
      kept->revision == 0 ? STRONGROOM_CONDITION_CREATE : STRONGROOM_CONDITION_REVISION;
  options.revision = kept->revision;
  Kept next{HeadRecord{now, kept->record.breaks}, 0};
  next.revision =
      session.put_record("audit/" + instance, strongroom_audit::text_of(next.record), &options);
  kept = next;
}

}  // namespace strongroomd
