// main.cpp: strongroomd, the server of the Secrets API, a visitor that comes through strongroom.h only.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "api/api.hpp"
#include "audit/audit_log.hpp"
#include "identity/authenticator.hpp"
#include "identity/tokens.hpp"
#include "identity/users.hpp"
#include "message/failure.hpp"
#include "server/server.hpp"
#include "settings/settings.hpp"
#include "state/lifecycle.hpp"
#include "state/state_dir.hpp"
#include "strongroom_abi.hpp"

namespace strongroomd {
namespace {

// Of each call to the storage. A request makes a few, and clients give up after a minute or earlier.
constexpr std::uint32_t kStorageTimeoutMs = 5000;

// The process has keys and tokens in its memory.
void forbid_core_dumps() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0);
}

// lock_memory raises what this process may lock as far as the system allows it, and sets the budget for values.
void lock_memory(std::size_t budget_bytes) {
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_MEMLOCK, &limit);
  strongroom_memory_set_budget(budget_bytes, nullptr);
}

// The signals that end the server, or have it reopen its audit log. All threads block them; main waits for them.
sigset_t handled_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int each : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, each);
  return signals;
}

strongroom_abi::Store open_store(const Settings& settings) {
  strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
  options.allow_unavailable = 1;
  options.timeout_ms = kStorageTimeoutMs;
  if (!settings.zk_auth_file.empty()) options.zk_auth_file = settings.zk_auth_file.c_str();
  return strongroom_abi::Store(settings.store, &options);
}

void say(const std::string& text) {
  std::fprintf(stderr, "strongroomd: %s\n", text.c_str());
}

// wait_for_end reopens the audit log at each SIGHUP. Returns  the signal that ends the server.
int wait_for_end(const sigset_t& signals, AuditLog* audit) {
  for (;;) {
    int signal = 0;
    if (::sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) return signal;
    try {
      if (audit != nullptr) audit->reopen();
    } catch (const std::exception& error) {
      say(std::string("the audit log was not reopened: ") + error.what());
    }
  }
}

OperatorTokens operator_tokens(Tokens& tokens) {
  return {[&tokens](const std::string& description) {
            return std::move(tokens.create_operator(description).text);
          },
          [&tokens](std::string_view text) { tokens.revoke_operator(text); }};
}

int serve(const Settings& settings) {
  const sigset_t signals = handled_signals();
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  lock_memory(settings.limits.memory_bytes);

  const StateDir dir(settings.state_dir);
  strongroom_abi::Store store = open_store(settings);
  strongroom_abi::Session trusted = store.trusted();
  Tokens tokens(trusted, dir);
  Authenticator authenticator(store, trusted, settings, tokens);
  Lifecycle lifecycle(settings, dir, store, operator_tokens(tokens));
  std::optional<AuditLog> audit;
  if (settings.audit.enabled) audit.emplace(settings, dir, lifecycle.instance(), store);
  lifecycle.start([&] {
    tokens.unsealed();
    if (audit) audit->unsealed();
  });
  Api api({settings, store, authenticator, tokens, lifecycle, audit ? &*audit : nullptr});
  const Server server(settings, api);
  for (const std::string& each : server.addresses()) say("listening on " + each);
  wait_for_end(signals, audit ? &*audit : nullptr);
  say("stopping");
  return 0;
}

// read_password reads one line from standard input into locked memory.
strongroom_abi::Secret read_password() {
  constexpr std::size_t kMaxPasswordLen = 1024;
  strongroom_abi::Secret password(kMaxPasswordLen);
  std::size_t len = 0;
  for (;;) {
    const ssize_t n = ::read(STDIN_FILENO, password.writable() + len, kMaxPasswordLen - len);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    len += static_cast<std::size_t>(n);
  }
  if (len == kMaxPasswordLen) throw SettingsError("the password is longer than 1,023 bytes");
  len = std::min(len, password.reveal().substr(0, len).find('\n'));
  if (len == 0) throw SettingsError("give the password on standard input, in one line");
  password.truncate(len);
  return password;
}

int run(int argc, char** argv) {
  try {
    const Invocation invocation = parse_settings(argc, argv);
    switch (invocation.task) {
      case Task::serve:
        return serve(invocation.settings);
      case Task::hash_password:
        std::printf("%s\n", hash_password(read_password().reveal()).c_str());
        break;
      case Task::help:
        std::fputs(settings_help().c_str(), stdout);
        break;
      case Task::version:
        std::puts("strongroomd " STRONGROOM_VERSION);
        break;
    }
    return std::fflush(stdout) == 0 ? 0 : 1;
  } catch (const SettingsError& error) {
    say(error.what());
    return 2;
  } catch (const std::exception& error) {
    say(error.what());
    return 1;
  }
}

}  // namespace
}  // namespace strongroomd

int main(int argc, char** argv) {
  strongroomd::forbid_core_dumps();
  return strongroomd::run(argc, argv);
}
