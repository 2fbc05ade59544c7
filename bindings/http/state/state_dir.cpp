#include "state/state_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace strongroomd {
namespace {

constexpr std::size_t kMaxFileLen = std::size_t{1} << 20;

[[noreturn]] void fail(const std::string& what, const std::string& name, int error) {
  throw std::runtime_error(what + " '" + name + "': " + std::strerror(error));
}

// Fd closes itself.
class Fd {
 public:
  explicit Fd(int fd) noexcept : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

bool is_own(const struct stat& status) noexcept {
  return status.st_uid == ::geteuid() || status.st_uid == 0;
}

void write_all(int fd, std::string_view content, const std::string& name) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("cannot write", name, errno);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
}

strongroom_abi::Secret read_all(int fd, std::size_t len, const std::string& name) {
  strongroom_abi::Secret content(len);
  std::size_t done = 0;
  while (done < len) {
    const ssize_t n = ::read(fd, content.writable() + done, len - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("cannot read", name, errno);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  content.truncate(done);
  return content;
}

}  // namespace

StateDir::StateDir(const std::string& path) : path_(path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    fail("cannot make the state directory", path, errno);
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  if (fd.get() < 0 || ::fstat(fd.get(), &status) != 0)
    fail("cannot open the state directory", path, errno);
  if (!is_own(status) || (status.st_mode & 077) != 0)
    throw std::runtime_error(
        "the state directory '" + path +
        "' must belong to the user of this server, and be closed to others: chmod 700");
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) fail("cannot lock the state directory", path, errno);
    throw std::runtime_error("another server uses the state directory '" + path +
                             "'; each one needs its own");
  }
  fd_ = fd.release();
}

StateDir::~StateDir() {
  ::close(fd_);
}

std::optional<strongroom_abi::Secret> StateDir::read(const std::string& name) const {
  const Fd fd(::openat(fd_, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd.get() < 0 && errno == ENOENT) return std::nullopt;
  struct stat status {};
  if (fd.get() < 0 || ::fstat(fd.get(), &status) != 0) fail("cannot open", path_of(name), errno);
  if (!S_ISREG(status.st_mode) || !is_own(status) || (status.st_mode & 077) != 0)
    throw std::runtime_error(
        "'" + path_of(name) +
        "' must be a file that only the user of this server can read: chmod 600");
  if (status.st_size > static_cast<off_t>(kMaxFileLen))
    throw std::runtime_error("'" + path_of(name) +
                             "' is longer than 1 MiB, so it is not of this server");
  return read_all(fd.get(), static_cast<std::size_t>(status.st_size), path_of(name));
}

void StateDir::write(const std::string& name, std::string_view content) const {
  const std::string part = name + ".part";
  const std::string shown = path_of(part);
  if (::unlinkat(fd_, part.c_str(), 0) != 0 && errno != ENOENT) fail("cannot remove", shown, errno);
  const Fd fd(
      ::openat(fd_, part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.get() < 0) fail("cannot make", shown, errno);
  write_all(fd.get(), content, shown);
  if (::fsync(fd.get()) != 0) fail("cannot write", shown, errno);
  if (::renameat(fd_, part.c_str(), fd_, name.c_str()) != 0) fail("cannot rename", shown, errno);
  if (::fsync(fd_) != 0) fail("cannot write", path_, errno);
}

void StateDir::remove(const std::string& name) const {
  if (::unlinkat(fd_, name.c_str(), 0) != 0 && errno != ENOENT)
    fail("cannot remove", path_of(name), errno);
  if (::fsync(fd_) != 0) fail("cannot write", path_, errno);
}

}  // namespace strongroomd
