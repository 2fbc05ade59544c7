// secret_mounts.cpp: the mount namespace of a command; see secret_mounts.hpp.
#include "child/secret_mounts.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "store/failure.hpp"

#ifndef MOVE_MOUNT_BENEATH
#define MOVE_MOUNT_BENEATH 0x00000200  // Linux 6.5
#endif

namespace strongroom_cli {
namespace {

Failure cannot(const std::string& what) {
  return system_failure(kExitUnavailable, "mounting the secret files failed: " + what);
}

void write_text(const char* path, const std::string& text) {
  const UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    throw cannot(path);
  }
}

// enter_user_namespace: a user that may not make a mount namespace may make one inside a new user
// namespace. The user keeps its ids there.
void enter_user_namespace() {
  const std::string user = std::to_string(::geteuid());
  const std::string group = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) throw cannot("unshare");
  // The maps belong to root as long as this process may not be traced.
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  write_text("/proc/self/setgroups", "deny");
  write_text("/proc/self/uid_map", user + " " + user + " 1");
  write_text("/proc/self/gid_map", group + " " + group + " 1");
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void enter_namespace() {
  if (::unshare(CLONE_NEWNS) != 0) enter_user_namespace();
  // Mounts of the host still appear here; ours do not appear on the host.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) throw cannot("mount on /");
}

// memory_file_system makes one that is attached nowhere, or an empty descriptor.
UniqueFd memory_file_system(const char* type, bool noswap) {
  const UniqueFd context(::fsopen(type, FSOPEN_CLOEXEC));
  if (!context) return {};
  const auto set = [&](fsconfig_command kind, const char* key, const char* value) {
    return ::fsconfig(context.get(), kind, key, value, 0) == 0;
  };
  if (!set(FSCONFIG_SET_STRING, "mode", "0700")) return {};
  if (noswap && !set(FSCONFIG_SET_FLAG, "noswap", nullptr)) return {};
  if (!set(FSCONFIG_CMD_CREATE, nullptr, nullptr)) return {};
  return UniqueFd(::fsmount(context.get(), FSMOUNT_CLOEXEC,
                            MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
}

UniqueFd unswapped_file_system() {
  // noswap: Linux 6.4, and only in the first user namespace. ramfs is never swapped.
  if (UniqueFd mount = memory_file_system("tmpfs", true)) return mount;
  if (UniqueFd mount = memory_file_system("ramfs", false)) return mount;
  if (UniqueFd mount = memory_file_system("tmpfs", false)) return mount;
  throw cannot("a tmpfs");
}

void write_file(int folder, const std::string& name, const SecretFile& file) {
  const UniqueFd out(::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out) throw cannot("open");
  for (auto left = file.content; !left.empty();) {
    const ssize_t written = ::write(out.get(), left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw cannot("write");
    left = left.subspan(static_cast<std::size_t>(written));
  }
  if (::fchmod(out.get(), file.mode) != 0) throw cannot("chmod");
  give_to(out.get(), file.owner);
}

// Staged holds each file as a mount of its own, attached nowhere.
using Staged = std::vector<UniqueFd>;

// stage writes the files and detaches the file system's own mount, so that no path leads there. Before
// Linux 6.15 a mount can be cloned only while it is attached: for that long it is attached to the working
// directory of a namespace in which no other process runs.
Staged stage(std::span<const SecretFile> files) {
  const UniqueFd here(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd store = unswapped_file_system();
  if (!here || ::move_mount(store.get(), "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    throw cannot("move_mount");
  }
  Staged staged;
  for (const SecretFile& file : files) {
    const std::string name = std::to_string(staged.size());
    write_file(store.get(), name, file);
    staged.emplace_back(
        ::open_tree(store.get(), name.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    if (!staged.back()) throw cannot("open_tree");
  }
  if (::fchdir(store.get()) != 0 || ::umount2(".", MNT_DETACH) != 0 || ::fchdir(here.get()) != 0) {
    throw cannot("umount");
  }
  return staged;
}

void make_read_only(const UniqueFd& mount) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(mount.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    throw cannot("mount_setattr");
  }
}

void attach(const UniqueFd& mount, const SecretFile& file, const FileId& target) {
  if (file.read_only) make_read_only(mount);
  FileId id;
  const UniqueFd place = open_target(file.path, id);
  if (id != target) {
    throw Failure(kExitUnavailable,
                  "the container path '" + file.path + "' is no longer the same file");
  }
  if (::move_mount(mount.get(), "", place.get(), "",
                   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    throw cannot("move_mount onto " + file.path);
  }
}

// exchange mounts below the old file and then takes that one away, or else mounts over it.
void exchange(const UniqueFd& mount, const SecretFile& file) {
  if (file.read_only) make_read_only(mount);
  constexpr unsigned kEmptyPaths = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  FileId id;
  const UniqueFd old = open_target(file.path, id);
  if (::move_mount(mount.get(), "", old.get(), "", kEmptyPaths | MOVE_MOUNT_BENEATH) == 0) {
    const std::string path = "/proc/self/fd/" + std::to_string(old.get());
    if (::umount2(path.c_str(), MNT_DETACH) != 0) throw cannot("umount of " + file.path);
  } else if (::move_mount(mount.get(), "", old.get(), "", kEmptyPaths) != 0) {
    throw cannot("move_mount onto " + file.path);
  }
}

UniqueFd open_namespace(pid_t process, const char* kind) {
  const std::string path = "/proc/" + std::to_string(process) + "/ns/" + kind;
  UniqueFd opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened) throw cannot("the namespace of the command");
  return opened;
}

// join_user_namespace: the command may have one of its own, see enter_user_namespace.
void join_user_namespace(pid_t process) {
  const UniqueFd theirs = open_namespace(process, "user");
  const UniqueFd ours = open_namespace(::getpid(), "user");
  struct stat there {};
  struct stat here {};
  if (::fstat(theirs.get(), &there) != 0 || ::fstat(ours.get(), &here) != 0) throw cannot("fstat");
  if (id_of(there) == id_of(here)) return;
  if (::setns(theirs.get(), CLONE_NEWUSER) != 0) throw cannot("joining the command");
}

// replace_in_child runs in a process of its own, since it stays in the command's namespace. The files are staged
// in a third one, in which no other process runs.
void replace_in_child(std::span<const SecretFile> files, pid_t command, const Folder& folder) {
  const UniqueFd theirs = open_namespace(command, "mnt");
  join_user_namespace(command);
  if (::unshare(CLONE_NEWNS) != 0) throw cannot("unshare");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) throw cannot("mount on /");
  const Staged staged = stage(files);
  if (::setns(theirs.get(), CLONE_NEWNS) != 0) throw cannot("joining the command");
  if (::chdir(folder.path.c_str()) != 0) throw cannot("the working directory");
  struct stat found {};
  if (::stat(".", &found) != 0) throw cannot("the working directory");
  if (found.st_dev != folder.device || found.st_ino != folder.inode) {
    throw Failure(kExitUnavailable, "another directory took the place of the working directory");
  }
  for (std::size_t i = 0; i < files.size(); ++i) exchange(staged[i], files[i]);
}

}  // namespace

Folder working_directory() {
  struct stat found {};
  if (::stat(".", &found) != 0) throw system_failure(kExitUnavailable, "the working directory");
  return {std::filesystem::current_path(), found.st_dev, found.st_ino};
}

void replace_secret_files(std::span<const SecretFile> files, pid_t command, const Folder& folder) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw cannot("a pipe");
  const UniqueFd report(ends[0]);
  UniqueFd child_report(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw cannot("a process");
  if (child == 0) {
    std::string trouble;
    try {
      replace_in_child(files, command, folder);
    } catch (const std::exception& error) {
      trouble = error.what();
    }
    const ssize_t written = ::write(child_report.get(), trouble.data(), trouble.size());
    ::_exit(trouble.empty() && written == 0 ? 0 : 1);
  }
  child_report.reset();
  std::array<char, 512> trouble{};
  ssize_t len = 0;
  while ((len = ::read(report.get(), trouble.data(), trouble.size())) < 0 && errno == EINTR) {
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  if (len > 0) {
    throw Failure(kExitUnavailable, std::string(trouble.data(), static_cast<std::size_t>(len)));
  }
  throw Failure(kExitUnavailable, "mounting the secret files failed");
}

bool mounts_allowed() {
  const pid_t child = ::fork();
  if (child < 0) return false;
  if (child == 0) {
    try {
      enter_namespace();
      stage({});
      ::_exit(0);
    } catch (const std::exception&) {
      ::_exit(1);
    }
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void mount_credentials(std::span<const SecretFile> files, const Owner& owner,
                       const std::string& folder) {
  enter_namespace();
  const UniqueFd mount = unswapped_file_system();
  for (const SecretFile& file : files) write_file(mount.get(), file.path, file);
  {
    const UniqueFd root(::openat(mount.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root || ::fchmod(root.get(), 0500) != 0) throw cannot("chmod");
    give_to(root.get(), owner);
  }
  make_read_only(mount);
  const UniqueFd place = open_folder(folder);
  if (::move_mount(mount.get(), "", place.get(), "",
                   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    throw cannot("move_mount onto " + folder);
  }
}

void mount_secret_files(std::span<const SecretFile> files, std::span<const FileId> targets) {
  enter_namespace();
  const Staged staged = stage(files);
  for (std::size_t i = 0; i < files.size(); ++i) attach(staged[i], files[i], targets[i]);
}

}  // namespace strongroom_cli
