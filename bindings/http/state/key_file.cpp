#include "state/key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace strongroomd {
namespace {

constexpr std::size_t kMaxKeyFileLen = 4096;

class KeyFileFd {
 public:
  explicit KeyFileFd(int fd) noexcept : fd_(fd) {}
  KeyFileFd(const KeyFileFd&) = delete;
  KeyFileFd& operator=(const KeyFileFd&) = delete;
  ~KeyFileFd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

bool is_group_of_process(gid_t group) {
  if (group == 0 || group == ::getegid()) return true;
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  const int num = ::getgroups(static_cast<int>(groups.size()), groups.data());
  return num > 0 && std::find(groups.begin(), groups.begin() + num, group) != groups.begin() + num;
}

// An access control list may name others: the group's bits are its mask then.
bool is_private_key_file(int fd, const struct stat& found) {
  const bool ours = found.st_uid == 0 || found.st_uid == ::geteuid();
  if (!ours || (found.st_mode & 0037) != 0) return false;
  if ((found.st_mode & 0040) == 0) return true;
  return is_group_of_process(found.st_gid) &&
         ::fgetxattr(fd, "system.posix_acl_access", nullptr, 0) <= 0;
}

strongroom_abi::Secret read_key(int fd, const std::string& name) {
  strongroom_abi::Secret key(kMaxKeyFileLen);
  std::size_t len = 0;
  while (len < kMaxKeyFileLen) {
    const ssize_t got = ::read(fd, key.writable() + len, kMaxKeyFileLen - len);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::runtime_error(name + "cannot be read: " + std::strerror(errno));
    if (got == 0) break;
    len += static_cast<std::size_t>(got);
  }
  if (len == 0 || len == kMaxKeyFileLen) throw std::runtime_error(name + "has no key in it");
  key.truncate(len);
  return key;
}

}  // namespace

strongroom_abi::Secret read_key_file(const std::string& file) {
  const std::string name = "the key file '" + file + "' ";
  const KeyFileFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat found {};
  if (fd.get() < 0 || ::fstat(fd.get(), &found) != 0)
    throw std::runtime_error(name + "cannot be read: " + std::strerror(errno));
  if (!S_ISREG(found.st_mode)) throw std::runtime_error(name + "is not a regular file");
  if (!is_private_key_file(fd.get(), found))
    throw std::runtime_error(name +
                             "is open to others, or belongs to another user; it must be this "
                             "user's or root's, with mode 0600");
  return read_key(fd.get(), name);
}

}  // namespace strongroomd
