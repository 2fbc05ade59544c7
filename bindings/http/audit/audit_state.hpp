// audit_state.hpp: what an audit log consists of, for its own files only: lines that are chained and written under one
// mutex (audit_log.cpp), and a thread that keeps the head of the chain in the store (audit_keeper.cpp).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "audit/audit_file.hpp"
#include "audit/audit_log.hpp"
#include "audit/chain.hpp"
#include "audit/path_hash.hpp"
#include "settings/settings.hpp"
#include "strongroom_abi.hpp"

namespace strongroomd {

struct AuditLog::State {
  // Kept is the head as the store has it.
  struct Kept {
    strongroom_audit::HeadRecord record;
    std::uint64_t revision = 0;  // 0: the store has none
  };

  State(const Settings& all, const StateDir& state_dir, const std::string& name,
        strongroom_abi::Store& store);
  ~State();

  // On the threads of requests; the mutex is held.
  bool append_line(AuditFile& to);
  bool append_event(std::string_view event,
                    const std::function<void(strongroom_audit::Line&)>& add = {});
  bool append_begin(AuditFile& to, const strongroom_audit::Head& previous);
  bool append_entry(const AuditEntry& entry);
  bool append_lost();
  void changed() noexcept;
  void lose();
  void report_error();

  // At the start.
  void go_on(const AuditFile::Tail& tail);
  strongroom_audit::Head stopped_head() const;

  // On the thread of the keeper.
  void run() noexcept;
  bool await_change(std::unique_lock<std::mutex>& lock);
  void keep() noexcept;
  bool keep_now();
  struct Snapshot {
    strongroom_audit::Head head;
    std::vector<std::shared_ptr<AuditFile>> files;
    bool compare;
  };
  Snapshot take(bool all);
  void sync(const std::vector<std::shared_ptr<AuditFile>>& files) const;
  std::optional<Kept> read_kept();
  bool compare();
  bool contains(const strongroom_audit::Head& kept);
  bool report_behind(const strongroom_audit::Head& kept);
  void put(const strongroom_audit::Head& now);
  void trouble(const std::string& what);

  // report says something to the operator.
  static void report(const std::string& what) noexcept;

  const AuditSettings settings;
  const StateDir& dir;
  const std::string path;
  const std::string instance;
  const std::size_t margin;  // room that is made before a request acts
  strongroom_abi::Session session;
  std::optional<PathHash> path_hash;
  std::atomic<std::uint64_t> num_lost{0};

  std::mutex mutex;  // guards all down to the keeper's
  std::condition_variable wake;
  std::shared_ptr<AuditFile> file;
  std::vector<std::shared_ptr<AuditFile>> retired;  // to be synced and closed by the keeper
  strongroom_audit::Line line;
  strongroom_audit::Head head;
  std::uint64_t num_lost_written = 0;
  std::uint64_t num_new = 0;  // lines since the keeper last looked
  bool dirty = true;          // the head may differ from the one in the store
  bool at_once = true;        // the first time too, where the store is unsealed
  bool compare_again = true;
  bool stopping = false;
  bool reported = false;  // that lines cannot be written

  // The keeper's.
  std::optional<Kept> kept;  // nothing: not compared yet
  std::optional<strongroom_audit::Hash> behind_reported;
  std::string trouble_reported;

  std::thread keeper;
};

}  // namespace strongroomd
