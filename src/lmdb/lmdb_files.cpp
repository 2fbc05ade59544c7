// lmdb_files.cpp: the directory and the header of an LMDB store.
#include "lmdb_files.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <system_error>
#include <thread>

#include "strongroom/impl/base/propagate.hpp"

namespace strongroom::lmdb {
namespace {

using std::chrono::steady_clock;

constexpr mode_t kForeignBits = S_IRWXG | S_IRWXO;

std::string octal(mode_t mode) {
  std::string digits(4, '0');
  for (std::size_t i = 4; i-- > 0; mode >>= 3) digits[i] = static_cast<char>('0' + (mode & 7));
  return digits;
}

// check_owner refuses what another user owns or may access; the error says how to fix that.
Result<void> check_owner(const std::string& path, const struct stat& status, const char* mode) {
  const mode_t bits = status.st_mode & mode_t{07777};
  const std::string found = path + " belonged to user " + std::to_string(status.st_uid) +
                            " with mode " + octal(bits) + "; ";
  if (status.st_uid != ::geteuid()) {
    return Error{Code::denied,
                 found + "run as that user, or: chown " + std::to_string(::geteuid()) + " " + path};
  }
  if ((bits & kForeignBits) != 0) {
    return Error{Code::denied, found + "run: chmod " + mode + " " + path};
  }
  return {};
}

// The header of an LMDB 0.9 file (mdb.c: MDB_page, MDB_db, MDB_meta). A file holds two headers.
constexpr std::size_t kPageHeaderLen = 16;
constexpr std::size_t kPageFlagsAt = 10;
constexpr std::uint16_t kMetaPage = 0x08;
constexpr std::uint32_t kMagic = 0xBEEFC0DE;
constexpr std::uint32_t kMetaFormat = 1;
constexpr std::uint64_t kNoRoot = UINT64_MAX;
constexpr std::uint64_t kNumMetas = 2;
constexpr std::uint16_t kMaxDepth = 32;
constexpr std::size_t kMinPageLen = 512;
constexpr std::size_t kMaxPageLen = 32768;

struct Tree {
  std::uint32_t page_len;  // only in the first tree
  std::uint16_t flags;
  std::uint16_t depth;
  std::uint64_t num_branches, num_leaves, num_overflows, num_entries, root;
};
struct Meta {
  std::uint32_t magic, format;
  std::uint64_t address, map_len;
  Tree free, main;
  std::uint64_t last_page, txn;
};
static_assert(sizeof(std::size_t) == 8 && sizeof(Tree) == 48 && sizeof(Meta) == 136);

Error corrupt(const Directory& directory, const std::string& why) {
  return {Code::corrupt, directory.path_of(kDataFile) + " " + why};
}

Result<Meta> read_meta(const Directory& directory, int fd, std::size_t at) {
  std::array<unsigned char, kPageHeaderLen + sizeof(Meta)> page;
  const ssize_t n = ::pread(fd, page.data(), page.size(), static_cast<off_t>(at));
  if (n < 0) return trouble(directory.path_of(kDataFile), "could not be read", errno);
  if (static_cast<std::size_t>(n) != page.size()) return corrupt(directory, "was cut short");
  std::uint16_t flags;
  std::memcpy(&flags, page.data() + kPageFlagsAt, sizeof flags);
  Meta meta;
  std::memcpy(&meta, page.data() + kPageHeaderLen, sizeof meta);
  if ((flags & kMetaPage) == 0 || meta.magic != kMagic) {
    return corrupt(directory, "did not begin as an LMDB file does");
  }
  if (meta.format != kMetaFormat) {
    return Error{Code::unsupported, directory.path_of(kDataFile) + " had LMDB format " +
                                        std::to_string(meta.format) + ", this program knows " +
                                        std::to_string(kMetaFormat)};
  }
  return meta;
}

bool sane(const Tree& tree, std::uint64_t last_page) noexcept {
  if (tree.depth > kMaxDepth) return false;
  if (tree.root == kNoRoot) return tree.depth == 0;
  return tree.depth > 0 && tree.root >= kNumMetas && tree.root <= last_page;
}

Result<void> check_header_once(const Directory& directory, int fd) {
  STRONGROOM_ASSIGN(first, read_meta(directory, fd, 0));
  const std::size_t page_len = first.free.page_len;
  const bool power_of_two = (page_len & (page_len - 1)) == 0;
  if (page_len < kMinPageLen || page_len > kMaxPageLen || !power_of_two) {
    return corrupt(directory, "had an impossible page size");
  }
  STRONGROOM_ASSIGN(second, read_meta(directory, fd, page_len));
  if (second.free.page_len != page_len) return corrupt(directory, "had two page sizes");
  const bool second_is_newer = first.txn < second.txn;
  const Meta& newest = second_is_newer ? second : first;
  // LMDB keeps the header of transaction t at place t & 1.
  if (newest.txn != 0 && (newest.txn & 1) != (second_is_newer ? 1u : 0u)) {
    return corrupt(directory, "had its headers in the wrong places");
  }
  if (newest.last_page < kNumMetas - 1 || !sane(newest.free, newest.last_page) ||
      !sane(newest.main, newest.last_page) || newest.main.flags != 0) {
    return corrupt(directory, "had a header that makes no sense");
  }
  struct stat status;  // after the header: a writer lengthens the file before it uses the new pages
  if (::fstat(fd, &status) != 0) {
    return trouble(directory.path_of(kDataFile), "could not be looked at", errno);
  }
  const auto len = static_cast<std::uint64_t>(status.st_size);
  if (len % page_len != 0 || newest.last_page >= len / page_len) {
    return corrupt(directory, "was cut short: it had " + std::to_string(len) +
                                  " bytes, and its last page was number " +
                                  std::to_string(newest.last_page) + " of " +
                                  std::to_string(page_len) + " bytes");
  }
  return {};
}

}  // namespace

Deadline deadline_after(Timeout timeout) noexcept {
  constexpr Timeout kLongest = std::chrono::hours(24 * 365);
  return steady_clock::now() + std::clamp(timeout, Timeout{0}, kLongest);
}

Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

std::string system_error_text(int error) {
  return std::generic_category().message(error);
}

Error trouble(const std::string& path, const char* what, int error) {
  return {Code::unavailable, path + " " + what + ": " + system_error_text(error)};
}

Result<Directory> Directory::open(const std::string& path) {
  Directory directory;
  directory.path_ = path;
  while (directory.path_.size() > 1 && directory.path_.back() == '/') directory.path_.pop_back();
  if (directory.path_.empty() || path.find('\0') != std::string::npos) {
    return Error{Code::invalid, "the store's directory had no usable name"};
  }
  const char* const name = directory.path_.c_str();
  if (::mkdir(name, S_IRWXU) != 0 && errno != EEXIST) {
    return trouble(directory.path_, "could not be made", errno);
  }
  directory.fd_ = Fd(::open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const int open_error = errno;
  struct stat status;
  if (directory.fd_ ? ::fstat(directory.fd(), &status) != 0 : ::stat(name, &status) != 0) {
    return trouble(directory.path_, "could not be opened", errno);
  }
  if (!S_ISDIR(status.st_mode)) return Error{Code::invalid, directory.path_ + " was no directory"};
  STRONGROOM_TRY(check_owner(directory.path_, status, "700"));
  if (!directory.fd_) return trouble(directory.path_, "could not be opened", open_error);
  struct statvfs system;
  directory.read_only_ =
      ::fstatvfs(directory.fd(), &system) == 0 && (system.f_flag & ST_RDONLY) != 0;
  const int wanted = directory.read_only_ ? X_OK : W_OK | X_OK;
  if (::faccessat(directory.fd(), ".", wanted, AT_EACCESS) != 0) {
    return trouble(directory.path_, "could not be written", errno);
  }
  directory.id_ = FileId{status.st_dev, status.st_ino};
  return directory;
}

Result<std::optional<FileId>> Directory::check_file(const char* name) const {
  struct stat status;
  if (::fstatat(fd(), name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return std::optional<FileId>{};
    return trouble(path_of(name), "could not be looked at", errno);
  }
  if (!S_ISREG(status.st_mode)) {
    return Error{Code::denied, path_of(name) +
                                   " was not a plain file; a store's files are neither "
                                   "links nor devices"};
  }
  STRONGROOM_TRY(check_owner(path_of(name), status, "600"));
  return std::optional<FileId>(FileId{status.st_dev, status.st_ino});
}

Result<void> Directory::sync() const {
  if (::fsync(fd()) != 0) return trouble(path_, "could not be flushed", errno);
  const Fd parent(::openat(fd(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent) return {};  // we may pass through the parent but not read it: up to its owner
  if (::fsync(parent.get()) != 0) return trouble(path_ + "/..", "could not be flushed", errno);
  return {};
}

Result<void> check_header(const Directory& directory) {
  const Fd fd(::openat(directory.fd(), kDataFile, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return trouble(directory.path_of(kDataFile), "could not be opened", errno);
  // A header may be read while another process replaces it; then another read succeeds.
  constexpr int kLooks = 5;
  Result<void> found = check_header_once(directory, fd.get());
  for (int look = 1; look < kLooks && !found && found.error().code == Code::corrupt; ++look) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    found = check_header_once(directory, fd.get());
  }
  return found;
}

}  // namespace strongroom::lmdb
