// open_store.hpp: the store of this agent, which is opened, unsealed, and unsealed again, in the background.
//
// An agent must start while the storage is away, and go on when it comes back. So a thread keeps trying,
// every half second at first and every eight seconds later, until the store is unsealed; it does the same
// when the store was found sealed (an operator sealed it, or its slots were changed). It must never make a
// caller wait for the storage.
//
// Threads  any number at once.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "settings.hpp"
#include "strongroom_abi.hpp"

namespace strongroom_mesos {

enum class Severity { info, warning, error };

// Log takes one line, in printable ASCII and without secrets.
using Log = std::function<void(Severity, const std::string& line)>;

// quiet_thread starts a thread that receives none of the agent's signals.
std::thread quiet_thread(std::function<void()> run);

class OpenStore {
 public:
  // The constructor gives the first attempt up to two seconds.
  // Throws  Trouble: the configuration itself is wrong (the URL, the policy, the key file).
  OpenStore(const Settings& settings, Log log);
  ~OpenStore();
  OpenStore(const OpenStore&) = delete;
  OpenStore& operator=(const OpenStore&) = delete;

  // session returns the unsealed store as the identity of this agent may use it, or null. Then why is a
  // sentence for a framework. The operator finds more in the agent's log.
  std::shared_ptr<strongroom_abi::Session> session(std::string& why) const;

  // found_sealed is called when a call was refused since the store is sealed.
  void found_sealed();

  // stop ends the thread, which may take until its call to the storage ends.
  void stop();

 private:
  // Attempt is the outcome of one attempt.
  struct Attempt {
    strongroom_status status = STRONGROOM_OK;
    std::string why{};  // for the operator
  };

  void work();
  Attempt attempt();
  void open();
  void report(const Attempt& attempt);

  const Settings settings_;
  const Log log_;
  const std::vector<strongroom_abi::Policy> rules_;  // one, or none

  // Only the thread uses these.
  std::unique_ptr<strongroom_abi::Store> store_;
  std::shared_ptr<strongroom_abi::Session> opened_;
  std::string reported_;

  mutable std::mutex mutex_;  // of all below
  std::condition_variable changed_;
  std::shared_ptr<strongroom_abi::Session> session_;  // null: not unsealed
  std::optional<Attempt> first_;
  strongroom_status last_ = STRONGROOM_UNAVAILABLE;
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace strongroom_mesos
