// run.cpp: one start, and all others; see run.hpp.
#include "run/run.hpp"

#include <filesystem>
#include <utility>

#include "child/secret_mounts.hpp"
#include "store/failure.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

constexpr int kRetryMs = 1000;

// own_of returns the variables that are set for the command besides those that were asked for.
std::vector<std::string> own_of(const How& how, const Resolved& resolved) {
  std::vector<std::string> own;
  if (how.by_definition) {
    own.push_back("MESOS_SANDBOX=" + std::filesystem::current_path().string());
  }
  if (const Account* const account = how.program.account) {
    own.push_back("HOME=" + account->home);
    own.push_back("USER=" + account->name);
    own.push_back("LOGNAME=" + account->name);
  }
  if (how.access.credentials && resolved.volumes && resolved.volumes->size() != 0) {
    own.push_back(std::string(kCredentialsVariable) + "=" + credentials_directory());
  }
  return own;
}

}  // namespace

Run::Run(const How& how, const Resolved& resolved)
    : environment_(resolved.variables ? &*resolved.variables : nullptr, own_of(how, resolved)),
      files_(files_of(resolved, how.access), how.access),
      child(how.signals, *how.options.process, how.program, environment_.pointers(),
            [this] { files_.apply_in_child(); }) {
  files_.release();
  environment_.wipe();
}

Follower::Follower(const How& how, const OnChange& on_change, Request& request, Changes& changes)
    : how_(how),
      on_change_(on_change),
      request_(request),
      folder_(working_directory()),
      changes_(changes) {}

int Follower::run(Resolved resolved) {
  resolved_ = std::move(resolved);
  for (;;) {
    Run run(how_, resolved_);
    if (const auto exit_status = until_restart(run.child)) return *exit_status;
  }
}

// until_restart returns the exit status of the command when it ends by itself.
std::optional<int> Follower::until_restart(Child& child) {
  for (;;) {
    const int timeout_ms = again_ ? kRetryMs : changes_.timeout_ms();
    if (auto ended = child.wait_until(changes_.fd(), timeout_ms)) return ended;
    const bool changed = changes_.take();
    if (!changed && !again_) continue;
    std::optional<Resolved> newer = resolve_again();
    if (!newer) continue;
    if (on_change_.signal != 0) {
      replace_files(child, std::move(*newer));
      continue;
    }
    resolved_ = std::move(*newer);
    if (!child.stop()) return child.wait();
    return std::nullopt;
  }
}

// resolve_again returns other values, if there are any. The command goes on with the old ones when a secret is
// missing or out of reach; in the latter case it is read again a little later.
std::optional<Resolved> Follower::resolve_again() try {
  Resolved newer = request_.resolve();
  again_ = false;
  if (same(newer, resolved_)) return std::nullopt;
  return newer;
} catch (const strongroom_abi::Error& error) {
  const bool out_of_reach =
      error.status() == STRONGROOM_UNAVAILABLE || error.status() == STRONGROOM_TIMEOUT;
  if (!again_ || !out_of_reach) {
    complain(std::string(error.what()) + "; the command goes on with what it has");
  }
  again_ = out_of_reach;
  return std::nullopt;
}

// After a failure the old values still count, so that the next change is a reason to try again.
void Follower::replace_files(Child& child, Resolved newer) try {
  replace_secret_files(files_of(newer, how_.access), child.pid(), folder_);
  resolved_ = std::move(newer);
  child.send(on_change_.signal);
} catch (const Failure& failure) {
  complain(std::string(failure.what()) + "; the command goes on with what it has");
}

}  // namespace strongroom_cli
