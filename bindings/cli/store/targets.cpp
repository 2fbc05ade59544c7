// targets.cpp: making and removing the files that are mounted over; see targets.hpp.
#include "store/targets.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <utility>

#include "store/failure.hpp"

namespace strongroom_cli {
namespace {

constexpr int kWalkFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

Failure refused(const std::string& path, const std::string& why) {
  return {kExitInvalid, "the container path '" + path + "' was refused: " + why};
}

Failure walk_failure(const std::string& path, const std::string& what) {
  const int error = errno;
  if (error == ELOOP || error == ENOTDIR) {
    return refused(path, what + " is a symbolic link or no directory");
  }
  return system_failure(kExitUnavailable, "the container path '" + path + "': " + what, error);
}

struct stat look_at(int fd, const std::string& path) {
  struct stat found {};
  if (::fstat(fd, &found) != 0) throw walk_failure(path, path);
  return found;
}

// steps_of splits a relative path, and drops empty and "." segments.
std::vector<std::string> steps_of(const std::string& path) {
  std::vector<std::string> steps;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    std::string step = path.substr(begin, end - begin);
    if (step == "..") throw refused(path, "it has a segment '..'");
    if (!step.empty() && step != ".") steps.push_back(std::move(step));
    begin = end + 1;
  }
  if (steps.empty()) throw refused(path, "it names no file");
  return steps;
}

UniqueFd open_sandbox(const std::string& path) {
  UniqueFd sandbox(::open(".", kWalkFlags));
  if (!sandbox) throw walk_failure(path, "the working directory");
  return sandbox;
}

FileId regular_file(int fd, const std::string& path) {
  const struct stat found = look_at(fd, path);
  if (S_ISLNK(found.st_mode)) throw refused(path, "it is a symbolic link");
  if (!S_ISREG(found.st_mode)) throw refused(path, "something else than a file is there already");
  return {found.st_dev, found.st_ino};
}

// The last user of a place may remove it while another run is on its way to it. Then it is tried again.
constexpr int kMaxTries = 200;

void pause_shortly() noexcept {
  const timespec moment{0, 5'000'000};
  ::nanosleep(&moment, nullptr);
}

}  // namespace

UniqueFd open_target(const std::string& path, FileId& id) {
  if (path.starts_with('/')) {
    // The host's own directories may be links (/bin is one on Debian); the file itself may not.
    UniqueFd file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!file && (errno == ENOENT || errno == ENOTDIR)) {
      throw Failure(kExitInvalid, "Absolute container path '" + path + "' does not exist");
    }
    if (!file) throw walk_failure(path, path);
    id = regular_file(file.get(), path);
    return file;
  }
  const auto steps = steps_of(path);
  UniqueFd at = open_sandbox(path);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const bool last = i + 1 == steps.size();
    UniqueFd next(
        ::openat(at.get(), steps[i].c_str(), last ? O_PATH | O_NOFOLLOW | O_CLOEXEC : kWalkFlags));
    if (!next) throw walk_failure(path, steps[i]);
    at = std::move(next);
  }
  id = regular_file(at.get(), path);
  return at;
}

UniqueFd open_folder(const std::string& name) {
  UniqueFd folder(::open(name.c_str(), kWalkFlags));
  if (!folder) throw walk_failure(name, name);
  return folder;
}

FileId Targets::add_file(const std::string& path) {
  FileId id;
  if (path.starts_with('/')) {
    open_target(path, id);
    return id;
  }
  for (int tries = 0; tries < kMaxTries; ++tries) {
    std::string name;
    const UniqueFd folder = make_folders(path, name);
    if (folder && use_file(folder, name, path)) {
      open_target(path, id);
      return id;
    }
    pause_shortly();
  }
  throw Failure(kExitUnavailable,
                "the container path '" + path + "' is used by runs that do not end");
}

// use_file returns false when the file vanished, or is about to.
bool Targets::use_file(const UniqueFd& folder, const std::string& name, const std::string& path) {
  UniqueFd file(::openat(folder.get(), name.c_str(),
                         O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file && errno == EEXIST) return share_file(folder, name, path);
  if (!file && errno == ENOENT) return false;
  if (!file) throw walk_failure(path, name);
  // The lock comes first: a file with the sign and without a lock is a leftover.
  ::flock(file.get(), LOCK_SH | LOCK_NB);
  mark(file.get());
  const FileId made = id_of(look_at(file.get(), path));
  remember(folder, name, S_IFREG, std::move(file), made);
  return true;
}

bool Targets::share_file(const UniqueFd& folder, const std::string& name, const std::string& path) {
  struct stat found {};
  if (::fstatat(folder.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) return false;
  if (S_ISLNK(found.st_mode)) {
    // It may be the leftover of a killed run without a namespace.
    if (remove_leftover(folder.get(), name)) return false;
    throw refused(path, "it is a symbolic link");
  }
  if (!S_ISREG(found.st_mode)) throw refused(path, "something else than a file is there already");
  // A file that may not be read gets no lock.
  UniqueFd file(
      ::openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (file && ::flock(file.get(), LOCK_SH | LOCK_NB) != 0 && is_marked(file.get())) return false;
  if (!leads_to(folder.get(), name, file ? id_of(look_at(file.get(), path)) : id_of(found))) {
    return false;
  }
  remember(folder, name, S_IFREG, std::move(file), {});
  return true;
}

int Targets::add_link(const std::string& path, int number) {
  if (path.starts_with('/')) {
    throw Failure(kExitUnsupported,
                  "the container path '" + path +
                      "' is absolute, and without a mount namespace no file can be put over one");
  }
  for (int tries = 0; tries < kMaxTries; ++tries) {
    std::string name;
    const UniqueFd folder = make_folders(path, name);
    if (!folder) continue;
    Link link = make_link(folder.get(), name, number);
    if (!link.lock && errno != EEXIST && errno != ENOENT) throw walk_failure(path, name);
    if (!link.lock && remove_leftover(folder.get(), name)) continue;
    if (!link.lock) link = share_link(folder.get(), name);
    if (link.lock) {
      remember(folder, name, S_IFLNK, std::move(link.lock), {});
      return link.number;
    }
    const bool there = ::faccessat(folder.get(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    if (there && !may_be_of_runs(folder.get(), name)) break;
    pause_shortly();
  }
  throw refused(path,
                "something is there already, and without a mount namespace it cannot be covered");
}

void Targets::remove() noexcept {
  for (auto used = used_.rbegin(); used != used_.rend(); ++used) {
    const int folder = used->folder.get();
    if (used->kind == S_IFDIR) remove_empty_folder(folder, used->name, used->made);
    if (used->kind == S_IFLNK) remove_unused_link(folder, used->name, used->lock);
    if (used->kind == S_IFREG) {
      remove_unused_file(folder, used->name, used->lock, used->made != FileId{});
    }
  }
  used_.clear();
}

// make_folders walks to the folder of the path's file, and makes the folders that are missing.
// last     the file's own name.
// Returns  an empty descriptor if one vanished meanwhile.
UniqueFd Targets::make_folders(const std::string& path, std::string& last) {
  auto steps = steps_of(path);
  last = std::move(steps.back());
  steps.pop_back();
  UniqueFd at = open_sandbox(path);
  for (const std::string& step : steps) {
    at = use_folder(at, step, path);
    if (!at) return {};
  }
  return at;
}

UniqueFd Targets::use_folder(const UniqueFd& at, const std::string& name, const std::string& path) {
  const bool made = ::mkdirat(at.get(), name.c_str(), 0755) == 0;
  if (!made && errno == ENOENT) return {};
  if (!made && errno != EEXIST) throw walk_failure(path, name);
  UniqueFd folder(::openat(at.get(), name.c_str(), kWalkFlags));
  if (!folder && errno == ENOENT) return {};
  if (!folder) throw walk_failure(path, name);
  const UniqueFd open(::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (made && open) mark(open.get());
  // Also one that a killed run left.
  if (passable_ && open && (made || is_marked(open.get())) && ::fchmod(open.get(), 0755) != 0) {
    throw walk_failure(path, name);
  }
  remember(at, name, S_IFDIR, {}, made ? id_of(look_at(folder.get(), path)) : FileId{});
  return folder;
}

void Targets::remember(const UniqueFd& folder, const std::string& name, mode_t kind, UniqueFd lock,
                       const FileId& made) {
  UniqueFd again(::openat(folder.get(), ".", O_PATH | O_CLOEXEC));
  if (!again) throw walk_failure(name, name);
  used_.push_back({std::move(again), name, kind, std::move(lock), made});
}

}  // namespace strongroom_cli
