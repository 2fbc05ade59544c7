// zk_auth.ipp: user:password for ZooKeeper, from memory or a file; see zk_auth.hpp.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "strongroom/impl/base/private_file.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/zk_auth.hpp"

namespace strongroom {
namespace detail::zk_auth {

static Error refuse(const std::string& file, const std::string& why) {
  return {Code::invalid, "the ZooKeeper credentials in '" + file + "' " + why};
}

// File closes its descriptor when it goes out of scope.
class File {
 public:
  explicit File(const std::string& name)
      : fd_(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int fd() const noexcept { return fd_; }

 private:
  int fd_;
};

// check_private examines the open file, so that it cannot be exchanged in between.
static Result<void> check_private(const File& file, const std::string& name) {
  struct stat status {};
  if (file.fd() < 0 || ::fstat(file.fd(), &status) != 0)
    return refuse(name, "could not be read: " + std::generic_category().message(errno));
  if (!S_ISREG(status.st_mode)) return refuse(name, "could not be read: it is not a plain file");
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return Error{Code::denied, "'" + name +
                                   "' belongs to another user, who can replace the "
                                   "ZooKeeper credentials in it; use a file of your own"};
  }
  if (reach_of(file.fd(), status).is_private()) return {};
  return Error{Code::denied, "'" + name + "' with ZooKeeper credentials is open to others; " +
                                 (can_chmod(name, status) ? "run: chmod 600 '" + name + "'"
                                                          : std::string(kModeOfProvider))};
}

// read_all fills room, and returns how many bytes there were; at most the size of room.
static Result<std::size_t> read_all(const File& file, const std::string& name, SecretBytes& room) {
  std::size_t len = 0;
  while (len < room.size()) {
    const auto left = room.reveal_mutable().subspan(len);
    const ssize_t got = ::read(file.fd(), left.data(), left.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return refuse(name, "could not be read: " + std::generic_category().message(errno));
    if (got == 0) break;
    len += static_cast<std::size_t>(got);
  }
  return len;
}

// fault_of_auth returns what is wrong with user:password, or null.
static const char* fault_of_auth(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (text.size() > kMaxZkAuthLen) return "had more than 1,024 bytes";
  if (colon == text.npos || colon == 0) return "must be one line, user:password";
  const bool control =
      std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  return control ? "must be one line, user:password, without control characters" : nullptr;
}

static SecretView without_line_end(SecretView text) {
  const std::string_view bytes = text.reveal_text();
  std::size_t len = bytes.size();
  if (len > 0 && bytes[len - 1] == '\n') len -= 1;
  if (len > 0 && len < bytes.size() && bytes[len - 1] == '\r') len -= 1;
  return text.first(len);
}

static Result<ZkAuth> keep(SecretView text) {
  STRONGROOM_ASSIGN(kept, SecretBytes::copy_key(text.reveal()));
  return std::make_shared<const SecretBytes>(std::move(kept));
}

}  // namespace detail::zk_auth

Result<ZkAuth> take_zk_auth(SecretView text) {
  text = detail::zk_auth::without_line_end(text);
  if (const char* why = detail::zk_auth::fault_of_auth(text.reveal_text()); why != nullptr)
    return Error{Code::invalid, "the ZooKeeper credentials " + std::string(why)};
  return detail::zk_auth::keep(text);
}

Result<ZkAuth> read_zk_auth_file(const std::string& file) {
  const detail::zk_auth::File opened(file);
  STRONGROOM_TRY(detail::zk_auth::check_private(opened, file));
  STRONGROOM_ASSIGN(room, SecretBytes::for_key(kMaxZkAuthLen + 3));
  STRONGROOM_ASSIGN(len, detail::zk_auth::read_all(opened, file, room));
  const SecretView text = detail::zk_auth::without_line_end(room.view().first(len));
  if (const char* why = detail::zk_auth::fault_of_auth(text.reveal_text()); why != nullptr)
    return detail::zk_auth::refuse(file, why);
  return detail::zk_auth::keep(text);
}

}  // namespace strongroom
