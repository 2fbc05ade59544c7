#include "audit/audit_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <utility>

namespace strongroomd {
namespace {

using strongroom_audit::Hash;
using strongroom_audit::Head;
using strongroom_audit::kMaxLineLen;
using strongroom_audit::Parsed;

constexpr std::size_t kReadLen = std::size_t{64} << 10;
constexpr std::size_t kReserveLen = std::size_t{4} << 20;
constexpr std::uint64_t kMaxTornLen = std::uint64_t{256}
                                      << 20;  // what a power cut may leave behind

[[noreturn]] void refuse_log(const std::string& path, const std::string& why) {
  throw std::runtime_error("the audit log '" + path + "' " + why);
}

[[noreturn]] void refuse_log(const std::string& path, const char* what, int error) {
  refuse_log(path, std::string("cannot be ") + what + ": " + std::strerror(error));
}

// split_last splits a text before its last line.
std::pair<std::string_view, std::string_view> split_last(std::string_view lines) noexcept {
  const std::size_t feed = lines.rfind('\n');
  if (feed == std::string_view::npos) return {{}, lines};
  return {lines.substr(0, feed), lines.substr(feed + 1)};
}

// is_begun_line tells the first line of a log, unfinished, from another file. After a power cut it may be zeros.
bool is_begun_line(std::string_view content) noexcept {
  constexpr std::string_view kStart = "{\"seq\":";
  return content.starts_with(kStart.substr(0, content.size())) ||
         content.find_first_not_of('\0') == std::string_view::npos;
}

// sync_directory makes the name of a new file survive a power cut, where the file system can.
void sync_directory(const std::string& path) noexcept try {
  const std::string directory = std::filesystem::absolute(path).parent_path();
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
} catch (const std::exception&) {
}

}  // namespace

AuditFile::AuditFile(const std::string& path) : path_(path) {
  try {
    open_private(path);
  } catch (...) {
    if (fd_ >= 0) ::close(fd_);
    throw;
  }
}

void AuditFile::open_private(const std::string& path) {
  constexpr int kFlags =
      O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  fd_ = ::open(path.c_str(), kFlags, 0600);
  if (fd_ < 0 && errno == ELOOP) refuse_log(path, "must not be a symbolic link");
  struct stat status {};
  if (fd_ < 0 || ::fstat(fd_, &status) != 0) refuse_log(path, "opened", errno);
  if (!S_ISREG(status.st_mode) || (status.st_uid != ::geteuid() && status.st_uid != 0) ||
      (status.st_mode & 077) != 0 || status.st_nlink > 1)
    refuse_log(
        path,
        "must be a file of the user of this server, closed to others, with one name: chmod 600");
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) refuse_log(path, "locked", errno);
    refuse_log(path, "is in use by another server; each one needs its own");
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
  if (size_ == 0) sync_directory(path);
}

AuditFile::~AuditFile() {
  if (reserved_ > size_ || torn_) cut_back();
  ::close(fd_);
}

// ---- reading ----

std::string AuditFile::read_at(std::uint64_t offset, std::size_t len) const {
  std::string bytes(len, '\0');
  std::size_t done = 0;
  while (done < len) {
    const ssize_t n =
        ::pread(fd_, bytes.data() + done, len - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) refuse_log(path_, "read", errno);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

// end_of_lines returns the offset behind the last line feed; 0 without one.
std::uint64_t AuditFile::end_of_lines() const {
  std::uint64_t end = size_;
  while (end > 0 && size_ - end <= kMaxTornLen) {
    const std::size_t len = static_cast<std::size_t>(std::min<std::uint64_t>(kReadLen, end));
    const std::string bytes = read_at(end - len, len);
    const std::size_t last = bytes.rfind('\n');
    if (last != std::string::npos) return end - len + last + 1;
    end -= len;
  }
  if (end > 0 || !is_begun_line(read_at(0, kReadLen)))
    refuse_log(path_, "is no audit log; move it away, or name another file");
  return 0;
}

std::optional<AuditFile::Tail> AuditFile::repair_tail() {
  if (size_ == 0) return {};
  const std::uint64_t end = end_of_lines();
  Tail tail = end > 0 ? tail_before(end) : Tail{};
  tail.cut_len = size_ - end;
  if (tail.cut_len == 0) return tail;
  size_ = end;
  if (!cut_back()) refuse_log(path_, "repaired", error_);
  return tail;
}

// tail_before reads the last two lines before an offset where one ends.
AuditFile::Tail AuditFile::tail_before(std::uint64_t end) const {
  const std::size_t len = static_cast<std::size_t>(std::min<std::uint64_t>(2 * kMaxLineLen, end));
  const std::string window = read_at(end - len, len);
  const auto [rest, last_line] = split_last(std::string_view(window).substr(0, window.size() - 1));
  const auto last = strongroom_audit::parse(last_line);
  if (!last) {
    refuse_log(path_,
               "is damaged: its last line is no line of an audit log; move it away, and a new "
               "one begins");
  }
  const auto before = strongroom_audit::parse(split_last(rest).second);
  const bool begins = last->event == strongroom_audit::kBegin;
  const Head previous = begins ? last->previous : before ? before->head : Head{};
  Tail tail{last->head, std::string(last->instance)};
  tail.broken = previous.seq + 1 != last->head.seq ||
                strongroom_audit::chain_hash(previous.hash, last->body) != last->head.hash;
  return tail;
}

// line_after returns the first whole line that starts behind an offset, and where it starts.
std::optional<Parsed> AuditFile::line_after(std::uint64_t offset, std::string& window,
                                            std::uint64_t& start) const {
  window = read_at(offset, 2 * kMaxLineLen);
  const std::size_t feed = window.find('\n');
  if (feed == std::string::npos) return {};
  const std::size_t end = window.find('\n', feed + 1);
  if (end == std::string::npos) return {};
  start = offset + feed + 1;
  return strongroom_audit::parse(std::string_view(window).substr(feed + 1, end - feed - 1));
}

std::optional<Head> AuditFile::first_previous() const {
  const std::string start = read_at(0, kMaxLineLen);
  const auto first = strongroom_audit::parse(std::string_view(start).substr(0, start.find('\n')));
  if (!first || first->event != strongroom_audit::kBegin) return {};
  return first->previous;
}

std::optional<Hash> AuditFile::hash_at(std::uint64_t seq) const {
  const auto before = first_previous();
  if (before && before->seq == seq) return before->hash;
  struct stat status {};
  if (::fstat(fd_, &status) != 0) return {};
  std::uint64_t low = 0;  // a line starts here, which is not behind the one that is looked for
  std::uint64_t high = static_cast<std::uint64_t>(status.st_size);
  std::string window;
  while (high - low > 4 * kMaxLineLen) {
    const std::uint64_t middle = low + (high - low) / 2;
    std::uint64_t start = 0;
    const auto line = line_after(middle, window, start);
    if (!line) return {};
    (line->head.seq <= seq ? low : high) = line->head.seq <= seq ? start : middle;
  }
  window = read_at(low, static_cast<std::size_t>(high - low) + kMaxLineLen);
  for (std::string_view rest = window; !rest.empty();) {
    const std::size_t len = rest.find('\n');
    const auto line = strongroom_audit::parse(rest.substr(0, len));
    if (!line || len == std::string_view::npos) return {};
    if (line->head.seq == seq) return line->head.hash;
    rest.remove_prefix(len + 1);
  }
  return {};
}

bool AuditFile::is_named(const std::string& path) const noexcept {
  struct stat here {};
  struct stat there {};
  return ::fstat(fd_, &here) == 0 && ::lstat(path.c_str(), &there) == 0 &&
         here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

// ---- writing ----

bool AuditFile::append(std::string_view lines) noexcept {
  if (torn_ && !cut_back()) return false;
  std::string_view rest = lines;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      const int error = n < 0 ? errno : EIO;
      if (rest.size() != lines.size()) cut_back();
      error_ = error;
      return false;
    }
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  size_ += lines.size();
  return true;
}

// cut_back removes all behind the last whole line: a part of a line, and room that was made.
bool AuditFile::cut_back() noexcept {
  reserved_ = 0;
  torn_ = ::ftruncate(fd_, static_cast<off_t>(size_)) != 0;
  if (torn_) error_ = errno;
  return !torn_;
}

bool AuditFile::has_room(std::size_t len) noexcept {
  if (torn_ && !cut_back()) return false;
  return size_ + len <= reserved_ || grow(len);
}

bool AuditFile::grow(std::size_t len) noexcept {
  // fallocate itself takes no notice of this limit as long as the file keeps its size.
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      size_ + len > limit.rlim_cur) {
    error_ = EFBIG;
    return false;
  }
  for (const std::size_t wanted : {std::max(kReserveLen, len), len}) {
    int done = 0;
    do {
      done = ::fallocate(fd_, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(size_),
                         static_cast<off_t>(wanted));
    } while (done != 0 && errno == EINTR);
    if (done == 0) {
      reserved_ = size_ + wanted;
      return true;
    }
    error_ = errno;
  }
  return (error_ == EOPNOTSUPP || error_ == ENOSYS) && is_free(len);
}

// is_free asks a file system that cannot reserve room whether it has some. Others may use it up, so each time.
bool AuditFile::is_free(std::size_t len) noexcept {
  struct statvfs space {};
  if (::fstatvfs(fd_, &space) != 0) {
    error_ = errno;
    return false;
  }
  error_ = ENOSPC;
  if (space.f_blocks == 0) return true;  // it does not know; as ramfs
  return static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize >= len;
}

bool AuditFile::sync() const noexcept {
  return ::fdatasync(fd_) == 0;
}

}  // namespace strongroomd
