// openpgp_process.ipp: starting, killing and reaping the OpenPGP helper; see openpgp_process.hpp.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

#include "strongroom/impl/base/own_tree.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/openpgp/openpgp_process.hpp"
#include "strongroom/result.hpp"

namespace strongroom::openpgp {
namespace detail::openpgp_process {

// Where the helper is installed, as far as the build of this file knows.
#ifdef STRONGROOM_OPENPGP_HELPER_PATH
constexpr const char* kInstalled = STRONGROOM_OPENPGP_HELPER_PATH;
#else
constexpr const char* kInstalled = "/usr/libexec/strongroom/strongroom-openpgp";
#endif

static Error missing(const std::string& program) {
  return {Code::unsupported,
          "there is no OpenPGP helper at '" + program +
              "'; build strongroom with librnp, install it, or name the helper in "
              "STRONGROOM_OPENPGP_HELPER"};
}

static Error not_started(const std::string& program, int error) {
  return {Code::unavailable, "the OpenPGP helper '" + program + "' did not start (" +
                                 std::generic_category().message(error) + ")"};
}

// check_program refuses a program that anybody except root and this user could have written: it will see
// shares.
static Result<void> check_program(const std::string& program) {
  if (program.empty() || program.front() != '/') {
    return Error{Code::unsupported, "the OpenPGP helper '" + program +
                                        "' was not named by an absolute path; pass the whole path"};
  }
  auto own = check_not_foreign(program, "the OpenPGP helper");
  if (!own && own.error().code == Code::not_found) return missing(program);
  STRONGROOM_TRY(own);
  if (::access(program.c_str(), X_OK) == 0) return {};
  return Error{Code::unsupported, "the OpenPGP helper '" + program + "' is not a program"};
}

// glibc 2.36 declares these two without extern "C".
static int pidfd_open(pid_t pid) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}
static void kill_by(int pidfd) noexcept {
  ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
}

class SpawnPlan {
 public:
  explicit SpawnPlan(int socket) noexcept {
    ::posix_spawn_file_actions_init(&files_);
    ::posix_spawnattr_init(&attributes_);
    // The socket comes first: if the host closed descriptors 0 to 2, it may be one of them itself.
    add(::posix_spawn_file_actions_adddup2(&files_, socket, 0));
    add(::posix_spawn_file_actions_addopen(&files_, 1, "/dev/null", O_WRONLY, 0));
    add(::posix_spawn_file_actions_addopen(&files_, 2, "/dev/null", O_WRONLY, 0));
    add(::posix_spawn_file_actions_addclosefrom_np(&files_, 3));
    sigset_t signals;
    sigemptyset(&signals);
    add(::posix_spawnattr_setsigmask(&attributes_, &signals));
    sigfillset(&signals);
    add(::posix_spawnattr_setsigdefault(&attributes_, &signals));
    // It gets a session of its own: signals typed at the host's terminal are for the host.
    add(::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID));
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&files_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // run returns 0 and sets pid to the child's, or returns an errno.
  int run(const std::string& program, pid_t& pid) const noexcept {
    if (error_ != 0) return error_;
    char name[] = "strongroom-openpgp";
    const std::array<char*, 2> arguments{name, nullptr};
    const std::array<char*, 1> environment{nullptr};
    return ::posix_spawn(&pid, program.c_str(), &files_, &attributes_, arguments.data(),
                         environment.data());
  }

 private:
  void add(int error) noexcept {
    if (error_ == 0) error_ = error;
  }

  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t attributes_{};
  int error_ = 0;
};

}  // namespace detail::openpgp_process

std::string find_helper() {
  const char* const named = ::secure_getenv("STRONGROOM_OPENPGP_HELPER");
  if (named != nullptr && *named != '\0') return named;
  const std::string beside = in_own_tree(own_file(), "libexec/strongroom/strongroom-openpgp");
  return beside.empty() ? detail::openpgp_process::kInstalled : beside;
}

Result<HelperProcess> HelperProcess::start(const std::string& program) {
  STRONGROOM_TRY(detail::openpgp_process::check_program(program));
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return detail::openpgp_process::not_started(program, errno);
  }
  pid_t pid = -1;
  const int error = detail::openpgp_process::SpawnPlan(ends[1]).run(program, pid);
  ::close(ends[1]);
  if (error == 0) return HelperProcess(pid, ends[0]);
  ::close(ends[0]);
  return error == ENOENT ? detail::openpgp_process::missing(program)
                         : detail::openpgp_process::not_started(program, error);
}

// Where the host ignores SIGCHLD, the pid may be another process by now. A pidfd never changes its
// process, so check once that it is our child before trusting it.
HelperProcess::HelperProcess(pid_t pid, int socket) noexcept
    : pid_(pid), pidfd_(detail::openpgp_process::pidfd_open(pid)), socket_(socket) {
  if (pidfd_ < 0) return;
  siginfo_t ended{};
  const int options = WEXITED | WNOHANG | WNOWAIT;
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd_), &ended, options) == 0) return;
  if (errno == ECHILD) pid_ = -1;  // it has ended, and the kernel has reaped it
  ::close(std::exchange(pidfd_, -1));
}

// ECHILD at the end means that the host ignores SIGCHLD or waits for every child; then there is nothing
// left to reap.
HelperProcess::~HelperProcess() {
  if (pidfd_ >= 0) {
    detail::openpgp_process::kill_by(pidfd_);
    while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_), nullptr, WEXITED) < 0 && errno == EINTR) {
    }
    ::close(pidfd_);
  } else if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (socket_ >= 0) ::close(socket_);
}

}  // namespace strongroom::openpgp
