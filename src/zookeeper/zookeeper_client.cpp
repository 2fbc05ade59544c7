// zookeeper_client.cpp: the session and its thread; see zookeeper_client.hpp.
#include "zookeeper_client.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/quiet_thread.hpp"
#include "zookeeper_frame.hpp"
#include "zookeeper_library.hpp"

namespace strongroom::zookeeper {
namespace {

constexpr std::chrono::milliseconds kTryAgain{200};  // after a handle could not be made
constexpr std::chrono::milliseconds kGoodbye{1000};  // for the server to close a session
constexpr int kMaxAnswersPerPoll = 256;

// never_log drops the library's log lines; callers get errors instead.
void never_log(const char*) {}

}  // namespace

Client::Client(ClientOptions options, Listener& listener)
    : options_(std::move(options)), listener_(listener), resolver_(options_.servers) {
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = quiet_thread([this] { run(); });
}

Client::~Client() {
  close();
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

void Client::close() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
}

void Client::wake() noexcept {
  if (awake_.exchange(true, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof(one));
}

void Client::touch() noexcept {
  const std::chrono::nanoseconds now = Clock::now().time_since_epoch();
  contact_ns_.store(now.count(), std::memory_order_release);
}

std::chrono::milliseconds Client::since_contact() const noexcept {
  const std::chrono::nanoseconds then(contact_ns_.load(std::memory_order_acquire));
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch() -
                                                               then);
}

std::optional<Error> Client::refusal() const {
  const std::lock_guard lock(const_cast<std::mutex&>(mutex_));
  if (!refused_) return {};
  return Error{Code::denied,
               "ZooKeeper at " + options_.servers +
                   " refused the credentials of --zk-auth-file or STRONGROOM_ZK_AUTH; open the "
                   "store anew with the right ones"};
}

Result<void> Client::wait_connected(Clock::time_point deadline) {
  if (!thread_.joinable())
    return Error{Code::unavailable, "the system gave no thread for the session with ZooKeeper"};
  std::unique_lock lock(mutex_);
  const auto settled = [&] { return connected() || refused_; };
  const bool in_time = connected_changed_.wait_until(lock, deadline, settled);
  lock.unlock();
  if (auto refused = refusal()) return *refused;
  if (in_time) return {};
  if (!resolver_.knows_any()) {
    return Error{Code::unavailable, "the host names of " + options_.servers +
                                        " could not be looked up in time; check them, and DNS"};
  }
  return Error{Code::unavailable,
               "no ZooKeeper server of " + options_.servers +
                   " answered in time; is the ensemble up, and is that its port?"};
}

void Client::session_event(int state) {
  if (state == ZOO_CONNECTED_STATE) {
    greet_ = true;
    return;
  }
  if (state == ZOO_AUTH_FAILED_STATE) {
    const std::lock_guard lock(mutex_);
    refused_ = true;
    connected_changed_.notify_all();
  }
  if (state == ZOO_EXPIRED_SESSION_STATE) expired_ = true;
  greet_ = false;
  lose_frames();
  if (connected_.exchange(false, std::memory_order_acq_rel)) listener_.disconnected();
}

void Client::make_handle() {
  if (Clock::now() < next_try_) return;
  const auto addresses = resolver_.look_up(wake_fd_);
  if (!addresses) return;                // wake_fd_ becomes readable
  next_try_ = Clock::now() + kTryAgain;  // names may not resolve for a while
  if (addresses->empty()) return;
  const LibraryLock lock(library_mutex());
  zoo_set_debug_level(static_cast<ZooLogLevel>(0));  // the library would write to our host's stderr
  handle_ = zookeeper_init2(addresses->c_str(), &Library::session,
                            static_cast<int>(options_.session.count()), nullptr, this,
                            ZOO_NO_LOG_CLIENTENV, &never_log);
  if (handle_ == nullptr) return;
  // Otherwise each poll would ask the resolver, and reseed our host's random().
  zoo_set_servers_resolution_delay(handle_, -1);
  new_session_ = true;
  expired_ = false;
  cut_ = false;
  made_ = Clock::now();
  for (const auto& one : {options_.auth, options_.other_auth}) {
    if (one == nullptr) continue;
    const auto auth = one->reveal();
    zoo_add_auth(handle_, "digest", reinterpret_cast<const char*>(auth.data()),
                 static_cast<int>(auth.size()), nullptr, nullptr);
  }
}

// ask_interest asks the library which socket it waits for; the library connects inside this call. A program
// that the host starts must not inherit the socket, whose session is authenticated. The library makes it
// without SOCK_CLOEXEC, so a program that another thread starts before this returns still inherits it; see
// SECURITY.md.
int Client::ask_interest(int& interest, timeval& wait) {
  const int rc = zookeeper_interest(handle_, &fd_, &interest, &wait);
  if (fd_ >= 0 && (fd_ != kept_fd_ || !connected())) {
    (void)::fcntl(fd_, F_SETFD, FD_CLOEXEC);
    kept_fd_ = fd_;
  }
  return rc;
}

// say_goodbye ends the session in a way that the server notices at once. The library would wait for that
// while the library's lock is held.
void Client::say_goodbye() {
  constexpr std::int32_t kCloseSession = -11;
  {
    const LibraryLock lock(library_mutex());
    int interest = 0;
    timeval wait{0, 0};
    (void)ask_interest(interest, wait);
    notice_cut();
    if (!connected() || fd_ < 0 || (interest & ZOOKEEPER_WRITE) != 0) return;
    std::vector<std::uint8_t> frame(12);
    put_be(std::span(frame).first<4>(), std::uint32_t{8});
    put_be(std::span(frame).subspan<4, 4>(), static_cast<std::uint32_t>(kLastXid - 1));
    put_be(std::span(frame).subspan<8, 4>(), static_cast<std::uint32_t>(kCloseSession));
    if (!write_frame(frame)) return;
  }
  const auto until = Clock::now() + kGoodbye;
  std::array<std::uint8_t, 4096> ignored;
  while (Clock::now() < until) {
    pollfd in{fd_, POLLIN, 0};
    (void)::poll(&in, 1, static_cast<int>(kLook.count()));
    const ssize_t n = ::recv(fd_, ignored.data(), ignored.size(), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) break;
  }
  ::shutdown(fd_, SHUT_RDWR);  // so that the library, which still has it open, does not wait
}

void Client::drop_handle() {
  if (connected()) say_goodbye();
  const LibraryLock lock(library_mutex());
  zookeeper_close(handle_);  // ends everything that is under way
  handle_ = nullptr;
  fd_ = -1;
  greet_ = false;
  lose_frames();
  if (connected_.exchange(false, std::memory_order_acq_rel)) listener_.disconnected();
}

// notice_cut notices a connection that the library closed without reporting it. The library does so when
// sending fails or a name resolves to another server, and keeps the requests of the old connection. So we
// treat the connection as lost, and poll_once makes the library's next attempt fail: then the library
// releases all of these requests.
void Client::notice_cut() {
  if (!connected() || zoo_state(handle_) == ZOO_CONNECTED_STATE) return;
  cut_ = true;
  session_event(ZOO_CONNECTING_STATE);
}

// poll_once waits for the server, a sender, or the next thing that is due, and handles what arrived.
void Client::poll_once() {
  int interest = 0;
  timeval wait{0, 0};
  fd_ = -1;
  if (handle_ != nullptr) {
    const LibraryLock lock(library_mutex());
    const int rc = ask_interest(interest, wait);
    if (rc != ZOK && wait.tv_sec == 0)
      wait.tv_usec = std::max<decltype(wait.tv_usec)>(wait.tv_usec, 20'000);
    if (is_unrecoverable(handle_) == ZINVALIDSTATE) expired_ = true;
    notice_cut();
    if (cut_ && fd_ >= 0) {
      ::shutdown(fd_, SHUT_RDWR);
      cut_ = false;
    }
  }
  awake_.store(false, std::memory_order_release);
  std::chrono::milliseconds pause = kTryAgain;
  if (handle_ != nullptr)
    pause = std::chrono::milliseconds(wait.tv_sec * 1000 + (wait.tv_usec + 999) / 1000);
  if (!waiting_.empty() || !sent_.empty() || wake_fd_ < 0) pause = std::min(pause, kLook);
  if (listener_.due() != Clock::time_point::max()) pause = std::min(pause, kTryAgain);
  {
    const std::lock_guard lock(mutex_);
    if (!taken_.empty() || stop_ || !done_.empty() || greet_ || (expired_ && !refused_))
      pause = pause.zero();
  }
  const bool writes = (interest & ZOOKEEPER_WRITE) != 0;
  pollfd fds[2] = {{wake_fd_, POLLIN, 0},
                   {fd_, static_cast<short>(writes ? POLLIN | POLLOUT : POLLIN), 0}};
  (void)::poll(fds, 2, static_cast<int>(pause.count()));
  awake_.store(true, std::memory_order_release);
  if ((fds[0].revents & POLLIN) != 0) {
    std::uint64_t count;
    [[maybe_unused]] const auto got = ::read(wake_fd_, &count, sizeof(count));
  }
  if (handle_ == nullptr || fd_ < 0 || fds[1].revents == 0) return;
  const LibraryLock lock(library_mutex());
  if ((fds[1].revents & POLLOUT) != 0) (void)zookeeper_process(handle_, ZOOKEEPER_WRITE);
  if ((fds[1].revents & (POLLIN | POLLERR | POLLHUP)) == 0) return;
  if (connected()) touch();
  for (int i = 0; i < kMaxAnswersPerPoll && receive(); ++i) {
  }
}

void Client::run() {
  this_client = this;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stop_) break;
    }
    if (handle_ == nullptr) make_handle();
    if (connected() && listener_.due() <= Clock::now()) listener_.try_again();
    take_sent();
    send_waiting();
    end_late();
    run_done();
    poll_once();
    run_done();
    const bool gone_for_good = [&] {
      const std::lock_guard lock(mutex_);
      return refused_;
    }();
    // A client that received nothing for the length of a session has lost its session. And a server that was
    // put back to an older state refuses a client that saw a newer one, until that begins a new session.
    const auto heard = Clock::now() - since_contact();
    const bool out_of_touch =
        !connected() && Clock::now() - std::max(heard, made_) > options_.session;
    if (handle_ != nullptr && !gone_for_good && (expired_ || out_of_touch)) drop_handle();
  }
  if (handle_ != nullptr) drop_handle();
  take_sent();
  for (auto& batch : waiting_) end(batch, Batch::Outcome::closed);
  waiting_.clear();
  run_done();
}

}  // namespace strongroom::zookeeper
