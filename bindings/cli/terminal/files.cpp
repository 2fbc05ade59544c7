// files.cpp: whole files; see files.hpp.
#include "terminal/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "store/failure.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

std::string quoted(const std::string& what, const std::string& name) {
  return what + " '" + name + "'";
}

Failure trouble(const std::string& what, const std::string& name) {
  return system_failure(kExitUnavailable, "making " + quoted(what, name) + " failed");
}

std::string folder_of(const std::string& file) {
  const std::size_t slash = file.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : file.substr(0, slash);
}

// A name is on the disk only when its folder is synced.
void sync_folder(const std::string& name, const std::string& what) {
  const UniqueFd folder(::open(folder_of(name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) throw trouble(what, name);
}

bool same_file(int fd, const std::string& name) {
  struct stat open {};
  struct stat named {};
  return ::fstat(fd, &open) == 0 && ::lstat(name.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

// Whether a file that an ended run left is needed by a store cannot be known here, so it is not removed.
Failure exists_already(const std::string& what, const std::string& name) {
  return {
      kExitAlreadyExists,
      quoted(what, name) +
          " exists already, and was left alone; name another. If a run that was ended left it, see "
          "that it opens no store before you remove it: strongroom list --key-file FILE"};
}

}  // namespace

NewFile::NewFile(std::string name, const std::string& what, std::string_view bytes)
    : name_(std::move(name)) {
  remove_leftovers_on_signals();
  {
    const Undivided undivided;
    file_ = UniqueFd(::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file_ && errno == EEXIST) throw exists_already(what, name_);
    if (!file_) throw trouble(what, name_);
    leftover_ = Leftover(name_);
  }
  try {
    if (::fchmod(file_.get(), 0600) != 0) throw trouble(what, name_);
    write_all(file_.get(), bytes, quoted(what, name_));
    if (::fsync(file_.get()) != 0) throw trouble(what, name_);
    sync_folder(name_, what);
  } catch (...) {
    remove();
    throw;
  }
}

NewFile::~NewFile() {
  remove();
}

void NewFile::keep() noexcept {
  leftover_.forget();
  file_.reset();
}

// A file that somebody else has put there meanwhile stays.
void NewFile::remove() noexcept {
  const Undivided undivided;
  if (file_ && same_file(file_.get(), name_)) ::unlink(name_.c_str());
  keep();
}

PartFile::PartFile(std::string name, std::string what)
    : name_(std::move(name)), part_(name_ + ".part"), what_(std::move(what)) {
  struct stat before {};
  if (::stat(name_.c_str(), &before) == 0 && !S_ISREG(before.st_mode)) {
    throw Failure(kExitInvalid, quoted(what_, name_) + " exists and is not a file; name another");
  }
  remove_leftovers_on_signals();
  open_locked();
  if (::fchmod(file_.get(), 0600) != 0 || ::ftruncate(file_.get(), 0) != 0) {
    const Failure failure = trouble(what_, part_);
    remove();
    throw failure;
  }
}

// open_part returns whether the file is new.
bool PartFile::open_part() {
  constexpr int flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  file_ = UniqueFd(::open(part_.c_str(), flags | O_CREAT | O_EXCL, 0600));
  if (file_) return true;
  if (errno == EEXIST) file_ = UniqueFd(::open(part_.c_str(), flags | O_CREAT, 0600));
  if (!file_) throw trouble(what_, part_);
  return false;
}

// A file that a killed run left is taken over; one that a running process writes is not. Between open and
// lock that process may have finished, and the name may be another file's.
void PartFile::open_locked() {
  const Undivided undivided;
  do {
    const bool is_new = open_part();
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
      const int error = errno;
      if (error == EWOULDBLOCK) {
        file_.reset();
        throw Failure(kExitUnavailable,
                      quoted(what_, part_) + " is being written by another process; wait for it");
      }
      if (is_new) remove();
      file_.reset();
      throw system_failure(kExitUnavailable, "locking " + quoted(what_, part_) + " failed", error);
    }
  } while (!same_file(file_.get(), part_));
  try {
    leftover_ = Leftover(part_);
  } catch (...) {
    remove();
    throw;
  }
}

PartFile::~PartFile() {
  remove();
}

void PartFile::remove() noexcept {
  const Undivided undivided;
  if (file_) ::unlink(part_.c_str());
  leftover_.forget();
  file_.reset();
}

void PartFile::append(std::string_view bytes) const {
  write_all(file_.get(), bytes, quoted(what_, part_));
}

void PartFile::finish() {
  if (::fsync(file_.get()) != 0) throw trouble(what_, part_);
  {
    const Undivided undivided;
    if (::rename(part_.c_str(), name_.c_str()) != 0) throw trouble(what_, name_);
    leftover_.forget();
    file_.reset();
  }
  sync_folder(name_, what_);
}

void refuse_beside_data(const std::string& file, const std::string& what,
                        const strongroom_abi::Report& report) {
  constexpr std::string_view kLmdb = "lmdb:";
  std::string_view url = report.url();
  if (!url.starts_with(kLmdb)) return;
  url.remove_prefix(kLmdb.size());
  std::error_code error;
  const auto store = std::filesystem::weakly_canonical(url.substr(0, url.find('?')), error);
  const auto folder = std::filesystem::weakly_canonical(folder_of(file), error);
  for (auto above = folder;; above = above.parent_path()) {
    if (above == store) {
      throw Failure(kExitInvalid, quoted(what, file) +
                                      " would be inside the store, and in all copies of it; "
                                      "name one elsewhere");
    }
    if (above == above.parent_path()) return;
  }
}

void settle_output() {
  struct stat out {};
  if (::fstat(STDOUT_FILENO, &out) != 0 || !S_ISREG(out.st_mode)) return;
  if (::fsync(STDOUT_FILENO) != 0) {
    throw system_failure(kExitUnavailable, "writing to standard output failed");
  }
}

}  // namespace strongroom_cli
