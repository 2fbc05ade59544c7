// audit_log.hpp: one line for each request, chained by hashes; see bindings/audit/chain.hpp for the form.
//
// A line is written before the response is sent. The chain's head is kept in the store as a sealed host record,
// so that cutting lines off the end shows. A thread of its own does that: every second if there are new lines, after
// 1,000 lines, after an unseal and at the end. Where the log does not contain the head that the store has, it writes a
// line that says so before it replaces the head.
//
// The process must ignore SIGXFSZ. A file is rotated by moving it and calling reopen, never by truncating it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "settings/settings.hpp"
#include "strongroom_abi.hpp"

namespace strongroomd {

class StateDir;

// AuditEntry is what one line says about a request. No member ever contains a value.
struct AuditEntry {
  std::string_view actor;   // "" where nobody was authenticated
  std::string_view peer;    // the address
  std::string_view action;  // "secret_read", "secret_list", "seal", "login", "token_create", ...
  std::string_view path;    // of the secret, or what the action is about; "" for none
  bool is_secret_path = false;  // true: path is written as a keyed hash where the settings say so
  unsigned status = 0;          // of the response
  std::chrono::microseconds duration{0};
};

class AuditLog {
 public:
  // AuditLog opens the file of the settings, goes on with its chain, and starts the thread that keeps the head.
  // A file that ends in the middle of a line is repaired, and says so in a line of its own.
  // instance  the name of this server, a host record of its own.
  // Throws    std::runtime_error: it cannot be opened, or is not private; what to do.
  AuditLog(const Settings& settings, const StateDir& dir, const std::string& instance,
           strongroom_abi::Store& store);
  // ~AuditLog keeps the head once more.
  ~AuditLog();

  // reserve makes sure that the next lines can be written, before anything is done.
  // Throws  Failure 503 where they cannot, and the settings refuse requests then.
  void reserve();

  // write appends one line. It is in the kernel when write returns, and survives the end of the process.
  // Throws  Failure 503 where the settings refuse requests without a line.
  void write(const AuditEntry& entry);

  // unsealed keeps the head at once: it could not be kept while the server was sealed.
  void unsealed();

  // reopen opens the file by its name again, after a rotation. The chain goes on in the new file.
  void reopen();

  // num_lost is how many requests were served without a line.
  std::uint64_t num_lost() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strongroomd
