// audit_fixture.hpp: an audit log in the hands of a server: a store in LMDB, a state directory, settings.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "audit/audit_log.hpp"
#include "audit/chain.hpp"
#include "state/state_dir.hpp"
#include "support/scratch.hpp"

namespace strongroomd::audit_fixture {

namespace fs = std::filesystem;
using strongroom_audit::HeadRecord;
using strongroom_audit::Verifier;

constexpr const char* kInstance = "0123456789abcdef";

inline AuditEntry entry_for(std::string_view path, unsigned status = 200) {
  AuditEntry entry;
  entry.actor = "user:bob";
  entry.peer = "127.0.0.1:4711";
  entry.action = "secret_read";
  entry.path = path;
  entry.is_secret_path = true;
  entry.status = status;
  entry.duration = std::chrono::microseconds(153);
  return entry;
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return lines;
}

inline Verifier verified(const std::vector<std::string>& files) {
  Verifier verifier;
  for (const std::string& each : files) {
    verifier.begin_file(each);
    verifier.feed(read_file(each));
    verifier.end_file();
  }
  return verifier;
}

inline std::string fault_of(const std::vector<std::string>& files) {
  const Verifier verifier = verified(files);
  const auto& fault = verifier.fault();
  return fault ? fault->file + ":" + std::to_string(fault->line) + ": " + fault->why : "";
}

// eventually polls until something holds.
template <typename F>
bool eventually(F holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

// Server is what an audit log needs of its server: a store that can be unsealed, a state directory, settings.
class Server {
 public:
  explicit Server(const std::string& place)
      : place_(place), store_("lmdb:" + place + "/store"), session_(store_.trusted()) {
    const std::string key_file = place + "/key";
    if (fs::exists(key_file)) {
      key_ = read_file(key_file);
    } else {
      strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
      options.key = 1;
      const strongroom_abi::Pending pending = session_.init_prepare(options);
      key_ = pending.reveal_key();
      session_.init_activate(pending);
      write_file(key_file, key_);
    }
    dir_.emplace(place + "/state");
    settings.state_dir = dir_->path();
  }

  void unseal() { session_.unseal({key_}); }
  void seal() { session_.seal(STRONGROOM_SEAL_PROCESS); }

  AuditLog& start(const char* instance = kInstance) {
    log_.reset();
    log_ = std::make_unique<AuditLog>(settings, *dir_, instance, store_);
    return *log_;
  }
  void stop() { log_.reset(); }
  AuditLog& log() { return *log_; }

  // head is what the store has, while it is unsealed.
  std::optional<HeadRecord> head() {
    try {
      const auto record = session_.record(std::string("audit/") + kInstance);
      return strongroom_audit::parse_head(record.reveal());
    } catch (const strongroom_abi::Error&) {
      return {};
    }
  }
  bool head_is_kept() {
    const auto kept = head();
    return kept && kept->head.hash == verified(parts()).last().hash;
  }

  std::string file() const {
    return settings.audit.file.empty() ? dir_->path_of("audit.log") : settings.audit.file;
  }
  std::string text() const { return read_file(file()); }
  std::string last_line() const { return lines_of(text()).back(); }
  std::vector<std::string> parts() const { return {file()}; }
  const StateDir& dir() const { return *dir_; }
  strongroom_abi::Session& session() { return session_; }

  Settings settings;

 private:
  std::string place_;
  strongroom_abi::Store store_;
  strongroom_abi::Session session_;
  std::string key_;
  std::optional<StateDir> dir_;
  std::unique_ptr<AuditLog> log_;
};

class Audit : public ::testing::Test {
 protected:
  std::string place() const { return scratch_.path(); }

 private:
  strongroom::testing::Scratch scratch_;
};

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace strongroomd::audit_fixture
