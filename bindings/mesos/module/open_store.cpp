// open_store.cpp: the bodies of open_store.hpp.
#include "open_store.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "text.hpp"

namespace strongroom_mesos {

namespace {

constexpr std::chrono::seconds kFirstAttempt{2};
constexpr std::chrono::milliseconds kShortestPause{500};
constexpr std::chrono::milliseconds kLongestPause{8000};

// for_frameworks says what a framework may know: no names of hosts and files.
std::string for_frameworks(strongroom_status status) {
  const std::string more = "; the agent tries again by itself, and its log has the reason";
  switch (status) {
    case STRONGROOM_UNAVAILABLE:
    case STRONGROOM_TIMEOUT:
      return "the storage of the secret store cannot be reached" + more;
    case STRONGROOM_SEALED:
      return "the secret store is sealed" + more;
    default:
      return "the secret store cannot be opened" + more;
  }
}

}  // namespace

std::thread quiet_thread(std::function<void()> run) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread;
  try {
    thread = std::thread(std::move(run));
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

OpenStore::OpenStore(const Settings& settings, Log log)
    : settings_(settings), log_(std::move(log)), rules_(settings.rules()) {
  read_key(settings_.key_file);  // it must be there, even while the storage is away
  thread_ = quiet_thread([this] { work(); });
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kFirstAttempt, [this] { return first_.has_value(); });
  const bool wrong =
      first_ && (first_->status == STRONGROOM_INVALID || first_->status == STRONGROOM_UNSUPPORTED);
  if (!wrong) return;
  const std::string why = first_->why;
  lock.unlock();
  stop();
  throw Trouble(why);
}

OpenStore::~OpenStore() {
  stop();
}

std::shared_ptr<strongroom_abi::Session> OpenStore::session(std::string& why) const {
  const std::lock_guard lock(mutex_);
  if (session_ == nullptr) why = for_frameworks(last_);
  return session_;
}

void OpenStore::found_sealed() {
  const std::lock_guard lock(mutex_);
  if (session_ == nullptr) return;
  session_ = nullptr;
  last_ = STRONGROOM_SEALED;
  changed_.notify_all();
}

void OpenStore::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void OpenStore::work() {
  std::chrono::milliseconds pause = kShortestPause;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    Attempt outcome = attempt();
    report(outcome);
    lock.lock();
    const bool done = outcome.status == STRONGROOM_OK;
    last_ = outcome.status;
    if (done) session_ = opened_;
    if (!first_) first_ = std::move(outcome);
    changed_.notify_all();
    if (done) {
      pause = kShortestPause;
      changed_.wait(lock, [this] { return stopping_ || session_ == nullptr; });
    }
    // After a seal as well: a store that is sealed again and again must not keep a processor busy.
    changed_.wait_for(lock, pause, [this] { return stopping_; });
    if (!done) pause = std::min(pause * 2, kLongestPause);
  }
}

OpenStore::Attempt OpenStore::attempt() {
  try {
    if (opened_ == nullptr) open();
    const strongroom_abi::Secret key = read_key(settings_.key_file);
    store_->trusted().unseal({key.reveal()});
    return {};
  } catch (const strongroom_abi::Error& error) {
    return {error.status(), printable(error.what())};
  } catch (const std::exception& error) {
    return {STRONGROOM_DENIED, printable(error.what())};
  }
}

void OpenStore::open() {
  strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
  options.timeout_ms = settings_.timeout_ms;
  options.must_exist = 1;
  options.allow_unavailable = 1;
  options.policy = rules_.empty() ? nullptr : rules_.front().raw();
  options.zk_auth_file = settings_.zk_auth_file.empty() ? nullptr : settings_.zk_auth_file.c_str();
  store_ = std::make_unique<strongroom_abi::Store>(settings_.store, &options);
  opened_ = std::make_shared<strongroom_abi::Session>(
      settings_.space.empty() ? store_->user(settings_.identity)
                              : store_->service(settings_.identity, settings_.space));
}

void OpenStore::report(const Attempt& attempt) {
  if (attempt.status == STRONGROOM_OK) {
    log_(Severity::info, "the store is open: " + printable(settings_.store));
    reported_.clear();
  } else if (attempt.why != reported_) {
    reported_ = attempt.why;
    log_(Severity::warning, "the store is not open, secrets cannot be resolved: " + attempt.why +
                                "; trying again until it is");
  }
}

}  // namespace strongroom_mesos
