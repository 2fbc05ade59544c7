#include "audit/audit_log.hpp"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <utility>

#include "audit/audit_state.hpp"
#include "message/failure.hpp"
#include "state/state_dir.hpp"

namespace strongroomd {
namespace {

using strongroom_audit::Head;
using strongroom_audit::HeadRecord;
using strongroom_audit::Line;

// Where the chain was when the server stopped.
constexpr const char* kStoppedHeadName = "audit-head";

// The keeper does not wait for more lines than that.
constexpr std::uint64_t kKeepLines = 1000;

// The longest members of a line, in bytes before they are escaped. With every byte escaped they fit in
// kMaxLineLen.
constexpr std::size_t kMaxPeerLen = 256;
constexpr std::size_t kMaxActorLen = 1024;
constexpr std::size_t kMaxActionLen = 64;
constexpr std::size_t kMaxAuditPathLen = 4096;
constexpr std::size_t kOtherLen = 1024;
static_assert(6 * (kMaxPeerLen + kMaxActorLen + kMaxActionLen + kMaxAuditPathLen) + kOtherLen <
              strongroom_audit::kMaxLineLen);

// outcome_of sums a status up: what was done, what the caller may not do, what was wrong with the request, and what is
// wrong with the server.
std::string_view outcome_of(unsigned status) noexcept {
  if (status == 401 || status == 403) return "denied";
  if (status >= 400 && status < 500) return "refused";
  return status >= 100 && status < 400 ? "ok" : "failed";
}

std::int64_t now_us() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

Failure audit_failure() {
  return {503, "Unavailable",
          "the audit log cannot be written, so the request is refused; see the log of the server"};
}

std::size_t audit_margin(const Settings& settings) noexcept {
  const std::size_t threads =
      settings.threads > 0 ? settings.threads : std::thread::hardware_concurrency();
  return std::max(std::size_t{1} << 20, (threads + 4) * strongroom_audit::kMaxLineLen);
}

}  // namespace

void AuditLog::State::report(const std::string& what) noexcept {
  std::fprintf(stderr, "strongroomd: audit log: %s\n", what.c_str());
}

// ---- lines ----

// append_line ends the line that was made. The chain goes on from it only where it was written.
bool AuditLog::State::append_line(AuditFile& to) {
  if (!to.append(line.end())) return false;
  head = line.head();
  changed();
  return true;
}

// changed wakes the keeper for the first change, and again when many lines came.
void AuditLog::State::changed() noexcept {
  ++num_new;
  const bool was_dirty = std::exchange(dirty, true);
  if (num_new == kKeepLines) at_once = true;
  if (!was_dirty || num_new == kKeepLines) wake.notify_one();
}

// append_event writes a line that is not about a request. add adds the members of the event.
bool AuditLog::State::append_event(std::string_view event, const std::function<void(Line&)>& add) {
  line.begin(head, now_us(), instance);
  line.text("event", event, kMaxActionLen);
  if (add) add(line);
  return append_line(*file);
}

bool AuditLog::State::append_begin(AuditFile& to, const Head& previous) {
  line.begin(previous, now_us(), instance);
  line.text("event", strongroom_audit::kBegin, kMaxActionLen);
  line.number("previous_seq", previous.seq);
  line.hex("previous_hash", previous.hash.data(), previous.hash.size());
  return append_line(to);
}

bool AuditLog::State::append_entry(const AuditEntry& entry) {
  line.begin(head, now_us(), instance);
  line.text("peer", entry.peer, kMaxPeerLen);
  line.text("actor", entry.actor, kMaxActorLen);
  line.text("action", entry.action, kMaxActionLen);
  if (path_hash && entry.is_secret_path) {
    const auto hash = path_hash->of(entry.path);
    line.hex("path_hmac", hash.data(), hash.size());
  } else {
    line.text("path", entry.path, kMaxAuditPathLen);
  }
  line.number("status", entry.status);
  line.text("outcome", outcome_of(entry.status), kMaxActionLen);
  line.number("duration_us",
              static_cast<std::uint64_t>(std::max<std::int64_t>(entry.duration.count(), 0)));
  return append_line(*file);
}

// append_lost says how many requests were served without a line, as soon as there can be lines again.
bool AuditLog::State::append_lost() {
  const std::uint64_t lost = num_lost;
  if (lost == num_lost_written) return true;
  const std::uint64_t more = lost - num_lost_written;
  if (!append_event(strongroom_audit::kLost, [&](Line& made) { made.number("count", more); }))
    return false;
  num_lost_written = lost;
  return true;
}

void AuditLog::State::report_error() {
  if (std::exchange(reported, true)) return;
  report("'" + path + "' cannot be written: " + std::strerror(file->error()) +
         (settings.serve_without ? "; requests are served without a line"
                                 : "; requests are refused until it can"));
}

// lose counts a request without a line, or refuses it.
void AuditLog::State::lose() {
  report_error();
  if (!settings.serve_without) throw audit_failure();
  ++num_lost;
}

// ---- starting and stopping ----

AuditLog::State::State(const Settings& all, const StateDir& state_dir, const std::string& name,
                       strongroom_abi::Store& store)
    : settings(all.audit),
      dir(state_dir),
      path(all.audit.file.empty() ? state_dir.path_of("audit.log") : all.audit.file),
      instance(name),
      margin(audit_margin(all)),
      session(store.trusted()) {
  if (!strongroom_audit::is_instance(instance))
    throw std::runtime_error("the name of this server, '" + instance + "', is not valid");
  if (settings.hash_paths) path_hash.emplace(dir);
  file = std::make_shared<AuditFile>(path);
  go_on(file->repair_tail().value_or(AuditFile::Tail{}));
  dir.remove(kStoppedHeadName);
  keeper = std::thread([this] { run(); });
}

// go_on writes what is to be said about the end of the file, and begins a file that has no lines.
void AuditLog::State::go_on(const AuditFile::Tail& tail) {
  head = tail.head;
  if (head.seq != 0 && tail.instance != instance)
    throw std::runtime_error("the audit log '" + path + "' is of another server, " + tail.instance +
                             "; move it away, and a new one begins");
  bool done = head.seq != 0 || append_begin(*file, stopped_head());
  if (done && tail.broken) {
    report("the last line of '" + path + "' does not follow the one before it");
    done = append_event(strongroom_audit::kBroken);
  }
  if (done && tail.cut_len > 0) {
    report("an unfinished line at the end of '" + path + "' was removed");
    done = append_event(strongroom_audit::kCut,
                        [&](Line& made) { made.number("bytes", tail.cut_len); });
  }
  if (done) return;
  throw std::runtime_error("the audit log '" + path +
                           "' cannot be written: " + std::strerror(file->error()));
}

// stopped_head is where the chain was when the server stopped: its file may have been moved away since.
Head AuditLog::State::stopped_head() const {
  const auto text = dir.read(kStoppedHeadName);
  const auto stopped = text ? strongroom_audit::parse_head(text->reveal()) : std::nullopt;
  return stopped ? stopped->head : Head{};
}

AuditLog::State::~State() {
  {
    const std::lock_guard lock(mutex);
    stopping = true;
  }
  wake.notify_one();
  keeper.join();
  try {
    dir.write(kStoppedHeadName, strongroom_audit::text_of(HeadRecord{head, 0}));
  } catch (const std::exception& error) {
    report(error.what());
  }
}

// ---- the interface ----

AuditLog::AuditLog(const Settings& settings, const StateDir& dir, const std::string& instance,
                   strongroom_abi::Store& store) {
  if (settings.audit.enabled) state_ = std::make_unique<State>(settings, dir, instance, store);
}

AuditLog::~AuditLog() = default;

void AuditLog::reserve() {
  if (!state_) return;
  const std::lock_guard lock(state_->mutex);
  if (state_->file->has_room(state_->margin)) {
    state_->reported = false;
  } else {
    state_->report_error();
    if (!state_->settings.serve_without) throw audit_failure();
  }
}

void AuditLog::write(const AuditEntry& entry) {
  if (!state_) return;
  const std::lock_guard lock(state_->mutex);
  if (state_->append_lost() && state_->append_entry(entry)) {
    state_->reported = false;
  } else {
    state_->lose();
  }
}

void AuditLog::unsealed() {
  if (!state_) return;
  const std::lock_guard lock(state_->mutex);
  state_->dirty = state_->at_once = state_->compare_again = true;
  state_->wake.notify_one();
}

void AuditLog::reopen() {
  if (!state_) return;
  const std::lock_guard lock(state_->mutex);
  if (state_->file->is_named(state_->path)) return;
  const auto next = std::make_shared<AuditFile>(state_->path);
  if (next->size() != 0)
    throw std::runtime_error("the new audit log '" + state_->path +
                             "' is not empty; the one before is still used");
  if (!state_->append_begin(*next, state_->head))
    throw std::runtime_error("the new audit log '" + state_->path + "' cannot be written: " +
                             std::strerror(next->error()) + "; the one before is still used");
  state_->retired.push_back(std::exchange(state_->file, next));
}

std::uint64_t AuditLog::num_lost() const noexcept {
  return state_ ? state_->num_lost.load() : 0;
}

}  // namespace strongroomd
