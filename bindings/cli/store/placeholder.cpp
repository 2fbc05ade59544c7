// placeholder.cpp: signs, locks and removal; see placeholder.hpp.
#include "store/placeholder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <utility>

namespace strongroom_cli {
namespace {

constexpr const char* kSign = "user.strongroom.run";
constexpr std::string_view kDescriptors = "/proc/self/fd/";

bool look(int folder, const std::string& name, struct stat& found) noexcept {
  return ::fstatat(folder, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0;
}

bool is_mine(const struct stat& file, mode_t kind) noexcept {
  return (file.st_mode & S_IFMT) == kind && file.st_uid == ::geteuid();
}

bool is_empty_file_of_mine(const struct stat& file) noexcept {
  return is_mine(file, S_IFREG) && file.st_size == 0 && file.st_nlink == 1;
}

// number_of returns N of a link to /proc/self/fd/N, or -1.
int number_of(int folder, const std::string& name) noexcept {
  std::array<char, 64> buffer{};
  const ssize_t len = ::readlinkat(folder, name.c_str(), buffer.data(), buffer.size());
  std::string_view text(buffer.data(), len < 0 ? 0 : static_cast<std::size_t>(len));
  if (!text.starts_with(kDescriptors)) return -1;
  text.remove_prefix(kDescriptors.size());
  int number = -1;
  const auto [end, trouble] = std::from_chars(text.data(), text.data() + text.size(), number);
  return trouble == std::errc() && end == text.data() + text.size() ? number : -1;
}

std::string lock_name(const struct stat& link) {
  return ".strongroom-run-" + std::to_string(link.st_ino);
}

UniqueFd open_lock(int folder, const struct stat& link) {
  UniqueFd lock(
      ::openat(folder, lock_name(link).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat found {};
  if (!lock || ::fstat(lock.get(), &found) != 0 || !is_empty_file_of_mine(found)) return {};
  return lock;
}

// is_link_of_runs reports whether a link and its lock still belong together.
bool is_link_of_runs(int folder, const std::string& name, const UniqueFd& lock, struct stat& link) {
  struct stat locked {};
  return may_be_of_runs(folder, name) && look(folder, name, link) &&
         ::fstat(lock.get(), &locked) == 0 && is_empty_file_of_mine(locked) &&
         leads_to(folder, lock_name(link), id_of(locked));
}

// unused_name returns a name that no run has: hidden, and at random.
std::string unused_name() {
  std::uint64_t random = 0;
  ::getentropy(&random, sizeof random);
  return ".strongroom-run-new-" + std::to_string(random);
}

bool lock_alone(const UniqueFd& file) noexcept {
  return ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
}

}  // namespace

bool leads_to(int folder, const std::string& name, const FileId& id) noexcept {
  struct stat now {};
  return look(folder, name, now) && id_of(now) == id;
}

void mark(int fd) noexcept {
  struct stat made {};
  if (::fstat(fd, &made) != 0 || made.st_uid != ::geteuid()) return;
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), made.st_ino).ptr;
  ::fsetxattr(fd, kSign, text.data(), static_cast<std::size_t>(end - text.data()), 0);
}

bool is_marked(int fd) noexcept {
  struct stat found {};
  std::array<char, 24> text{};
  const ssize_t len = ::fgetxattr(fd, kSign, text.data(), text.size());
  if (len <= 0 || ::fstat(fd, &found) != 0 || found.st_uid != ::geteuid()) return false;
  ino_t inode = 0;
  const auto [end, trouble] = std::from_chars(text.data(), text.data() + len, inode);
  return trouble == std::errc() && end == text.data() + len && inode == found.st_ino;
}

bool remove_unused_file(int folder, const std::string& name, const UniqueFd& lock,
                        bool made) noexcept {
  struct stat file {};
  // Unlinking a file also removes what other runs mounted over it, so a file in use stays.
  return lock && (made || is_marked(lock.get())) && lock_alone(lock) &&
         ::fstat(lock.get(), &file) == 0 && file.st_size == 0 &&
         (made || is_empty_file_of_mine(file)) && leads_to(folder, name, id_of(file)) &&
         ::unlinkat(folder, name.c_str(), 0) == 0;
}

void remove_empty_folder(int folder, const std::string& name, const FileId& made) noexcept {
  struct stat found {};
  const UniqueFd open(
      ::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  const bool ours = (open && is_marked(open.get())) || leads_to(folder, name, made);
  if (!ours ||
      (open && (::fstat(open.get(), &found) != 0 || !leads_to(folder, name, id_of(found)))))
    return;
  ::unlinkat(folder, name.c_str(), AT_REMOVEDIR);
}

// The link gets its name last, so that a run that is killed leaves no link without the file next to it.
Link make_link(int folder, const std::string& name, int number) {
  const std::string target = std::string(kDescriptors) + std::to_string(number);
  const std::string unused = unused_name();
  struct stat link {};
  if (::symlinkat(target.c_str(), folder, unused.c_str()) != 0) return {};
  if (!look(folder, unused, link)) return {};
  // It may be there already: a run was killed after it removed a link that had the same inode number.
  UniqueFd lock(::openat(folder, lock_name(link).c_str(),
                         O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  struct stat made {};
  int error = 0;
  if (!lock) {
    error = errno;
  } else if (::fstat(lock.get(), &made) != 0 || !is_mine(made, S_IFREG) || made.st_size != 0) {
    error = EBUSY;
  } else if (::flock(lock.get(), LOCK_SH | LOCK_NB) != 0) {
    error = EEXIST;
  } else if (::linkat(folder, unused.c_str(), folder, name.c_str(), 0) != 0) {
    error = errno;
    ::unlinkat(folder, lock_name(link).c_str(), 0);
  }
  ::unlinkat(folder, unused.c_str(), 0);
  // Another run that removed a link with this inode number may have taken the file away with it.
  if (error == 0 && !is_link_of_runs(folder, name, lock, made)) {
    if (leads_to(folder, name, id_of(link))) ::unlinkat(folder, name.c_str(), 0);
    error = EEXIST;
  }
  if (error == 0) return {id_of(link), number, std::move(lock)};
  errno = error;
  return {};
}

Link share_link(int folder, const std::string& name) {
  struct stat link {};
  if (!look(folder, name, link)) return {};
  UniqueFd lock = open_lock(folder, link);
  if (!lock || ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0) return {};
  if (!is_link_of_runs(folder, name, lock, link)) return {};
  return {id_of(link), number_of(folder, name), std::move(lock)};
}

bool may_be_of_runs(int folder, const std::string& name) noexcept {
  struct stat found {};
  return look(folder, name, found) && is_mine(found, S_IFLNK) && number_of(folder, name) >= 0;
}

bool remove_unused_link(int folder, const std::string& name, const UniqueFd& lock) noexcept {
  struct stat link {};
  if (!lock || !lock_alone(lock) || !is_link_of_runs(folder, name, lock, link)) return false;
  const bool removed = ::unlinkat(folder, name.c_str(), 0) == 0;
  if (removed) ::unlinkat(folder, lock_name(link).c_str(), 0);
  return removed;
}

bool remove_leftover(int folder, const std::string& name) {
  struct stat found {};
  if (!look(folder, name, found)) return errno == ENOENT;
  if (S_ISLNK(found.st_mode)) return remove_unused_link(folder, name, open_lock(folder, found));
  if (!is_empty_file_of_mine(found)) return false;
  const UniqueFd file(
      ::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return remove_unused_file(folder, name, file, false);
}

}  // namespace strongroom_cli
