// targets.cpp: making and removing the files that are mounted over; see targets.hpp.
#include "store/targets.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>
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

bool still_the_same(int folder, const char* name, mode_t kind, const FileId& id) noexcept {
  struct stat now {};
  return ::fstatat(folder, name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
         (now.st_mode & S_IFMT) == kind && FileId{now.st_dev, now.st_ino} == id &&
         (kind != S_IFREG || now.st_size == 0);
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

FileId Targets::add_file(const std::string& path) {
  FileId id;
  if (path.starts_with('/')) {
    open_target(path, id);
    return id;
  }
  std::string name;
  const UniqueFd folder = make_folders(path, name);
  const UniqueFd made(::openat(folder.get(), name.c_str(),
                               O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!made && errno != EEXIST) throw walk_failure(path, name);
  if (made) remember(folder, name);
  open_target(path, id);  // refuses anything but a file before it is opened
  (made ? made_.back().in_use : in_use_.emplace_back()) = lock_shared(folder, name);
  return id;
}

void Targets::add_link(const std::string& path, const std::string& leads_to) {
  if (path.starts_with('/')) {
    throw Failure(kExitUnsupported,
                  "the container path '" + path +
                      "' is absolute, and without a mount namespace no file can be put over one");
  }
  std::string name;
  const UniqueFd folder = make_folders(path, name);
  if (::symlinkat(leads_to.c_str(), folder.get(), name.c_str()) != 0) {
    if (errno != EEXIST) throw walk_failure(path, name);
    throw refused(path,
                  "something is there already, and without a mount namespace it cannot be covered");
  }
  remember(folder, name);
}

void Targets::remove() noexcept {
  for (auto made = made_.rbegin(); made != made_.rend(); ++made) {
    if (!still_the_same(made->folder.get(), made->name.c_str(), made->kind, made->id)) continue;
    // Unlinking a file also removes what other runs mounted over it, so a file in use stays.
    if (made->in_use && ::flock(made->in_use.get(), LOCK_EX | LOCK_NB) != 0) continue;
    ::unlinkat(made->folder.get(), made->name.c_str(), made->kind == S_IFDIR ? AT_REMOVEDIR : 0);
  }
  made_.clear();
  in_use_.clear();
}

// make_folders walks to the folder of the path's file, and makes the folders that are missing.
// last  the file's own name.
UniqueFd Targets::make_folders(const std::string& path, std::string& last) {
  auto steps = steps_of(path);
  last = std::move(steps.back());
  steps.pop_back();
  UniqueFd at = open_sandbox(path);
  for (const std::string& step : steps) {
    if (::mkdirat(at.get(), step.c_str(), 0755) == 0) {
      remember(at, step);
    } else if (errno != EEXIST) {
      throw walk_failure(path, step);
    }
    UniqueFd next(::openat(at.get(), step.c_str(), kWalkFlags));
    if (!next) throw walk_failure(path, step);
    at = std::move(next);
  }
  return at;
}

void Targets::remember(const UniqueFd& folder, const std::string& name) {
  struct stat made {};
  UniqueFd again(::openat(folder.get(), ".", O_PATH | O_CLOEXEC));
  if (!again || ::fstatat(folder.get(), name.c_str(), &made, AT_SYMLINK_NOFOLLOW) != 0) {
    throw walk_failure(name, name);
  }
  made_.push_back({std::move(again), name, {made.st_dev, made.st_ino}, {}, made.st_mode & S_IFMT});
}

// lock_shared marks the file as in use for other runs. A file that may not be read gets no lock.
UniqueFd Targets::lock_shared(const UniqueFd& folder, const std::string& name) {
  UniqueFd file(
      ::openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (file) ::flock(file.get(), LOCK_SH | LOCK_NB);
  return file;
}

}  // namespace strongroom_cli
