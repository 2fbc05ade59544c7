// agent.hpp: what an agent does with the module: it opens the library, looks its object up, and resolves.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <map>
#include <memory>
#include <mesos/mesos.hpp>
#include <mesos/module/secret_resolver.hpp>
#include <mesos/secret/resolver.hpp>
#include <process/future.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "capi/fixture.hpp"
#include "stand_ins/stand_ins.hpp"
#include "strongroom_abi.hpp"

namespace mesos_test {

using Value = mesos::Secret::Value;
using Future = process::Future<Value>;
using Resolver = std::unique_ptr<mesos::SecretResolver>;
using Parameters = std::map<std::string, std::string>;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr seconds kPatience{20};

// module returns the loaded module, as the agent's dlopen loads it.
inline void* module() {
  static void* const library = ::dlopen(MESOS_MODULE_FILE, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(::dlerror());
  return library;
}

inline const mesos::modules::Module<mesos::SecretResolver>& object() {
  void* const found = ::dlsym(module(), "strongroom_SecretResolver");
  if (found == nullptr) throw std::runtime_error(::dlerror());
  return *static_cast<const mesos::modules::Module<mesos::SecretResolver>*>(found);
}

inline void add(mesos::Parameters& message, const std::string& key, const std::string& value) {
  mesos::Parameter* const parameter = message.add_parameter();
  parameter->set_key(key);
  parameter->set_value(value);
}

inline mesos::Parameters as_message(const Parameters& parameters) {
  mesos::Parameters message;
  for (const auto& [key, value] : parameters) add(message, key, value);
  return message;
}

// create returns the resolver, or null where an agent would refuse to start.
inline Resolver create(const Parameters& parameters) {
  return Resolver(object().create(as_message(parameters)));
}

inline mesos::Secret reference(const std::string& name, const std::string& key = "") {
  mesos::Secret secret;
  secret.set_type(mesos::Secret::REFERENCE);
  secret.mutable_reference()->set_name(name);
  if (!key.empty()) secret.mutable_reference()->set_key(key);
  return secret;
}

// is_complete waits until a future is, and returns whether it was in time.
inline bool is_complete(const Future& future, milliseconds limit = kPatience) {
  const auto deadline = Clock::now() + limit;
  while (future.isPending() && Clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  return !future.isPending();
}

// outcome waits for a future. It is its value, or "failed: " and why, or "discarded", or "pending".
inline std::string outcome(const Future& future, milliseconds limit = kPatience) {
  if (!is_complete(future, limit)) return "pending";
  if (future.isReady()) return future.get().data();
  return future.isFailed() ? "failed: " + future.failure() : "discarded";
}

inline std::string resolved(const mesos::SecretResolver& resolver, const std::string& name,
                            const std::string& key = "") {
  return outcome(resolver.resolve(reference(name, key)));
}

// eventually resolves until the outcome has a text in it, and returns the last one.
inline std::string eventually(const mesos::SecretResolver& resolver, const std::string& name,
                              const std::string& wanted) {
  const auto deadline = Clock::now() + kPatience;
  for (;;) {
    std::string last = resolved(resolver, name);
    if (last.find(wanted) != std::string::npos || Clock::now() > deadline) return last;
    std::this_thread::sleep_for(milliseconds(20));
  }
}

// log_line waits for a line of the log with a text in it. Empty: there was none in time.
inline std::string log_line(const std::string& wanted) {
  const auto deadline = Clock::now() + kPatience;
  while (Clock::now() < deadline) {
    for (const std::string& line : take_log_lines()) {
      if (line.find(wanted) != std::string::npos) return line;
    }
    std::this_thread::sleep_for(milliseconds(5));
  }
  return "";
}

inline void put(strongroom_abi::Session& session, const std::string& path,
                const std::string& value) {
  session.put(path, STRONGROOM_CONTENT_TEXT, value);
}

// Stored is a store with a few secrets, and the file that unseals it.
class Stored {
 public:
  Stored() : Stored("lmdb:", "/store") {}
  // url  `before`, a directory of the test's own, and `after`.
  Stored(const std::string& before, const std::string& after)
      : url_(before + directory_.path() + after), fresh_(url_) {
    fill();
  }
  Stored(const std::string& url, strongroom_abi::Store store)
      : url_(url), fresh_(std::move(store)) {
    fill();
  }

  // parameters let the module resolve everything.
  Parameters parameters() const {
    return {{"store", url_}, {"key_file", key_file()}, {"allow", "/"}};
  }
  std::string key_file() const { return directory_.path() + "/key"; }
  const std::string& directory() const { return directory_.path(); }
  strongroom_abi::Session& session() { return fresh_.session; }
  const std::string& key() const { return fresh_.key; }

 private:
  void fill() {
    std::ofstream(key_file()) << fresh_.key << '\n';
    if (::chmod(key_file().c_str(), 0600) != 0) throw std::runtime_error("chmod");
    put(fresh_.session, "web/db", R"({"username": "my-user", "password": "hunter2"})");
    put(fresh_.session, "other/token", "opensesame");
  }

  capi_test::TempDir directory_;
  const std::string url_;
  capi_test::Fresh fresh_;
};

}  // namespace mesos_test
