// doctor_storage.ipp: the checks of the storage directory; see doctor.hpp.
#include <errno.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "strongroom/doctor.hpp"
#include "strongroom/impl/doctor/doctor_internal.hpp"

namespace strongroom::doctor {
namespace detail::doctor_storage {

// The files that an LMDB store is made of (lmdb_files.hpp).
constexpr std::array<const char*, 4> kStoreFiles = {"data.mdb", "data.mdb.new", "lock.mdb",
                                                    "write.lock"};
constexpr mode_t kForeignBits = S_IRWXG | S_IRWXO;

// foreign_access finds access of other users to what only this user should reach.
static std::optional<Finding> foreign_access(const std::string& path, const struct stat& status,
                                             const char* mode) {
  if (status.st_uid != ::geteuid()) {
    return Finding{Level::danger, "file-modes",
                   path + " belongs to " + user_text(status.st_uid) + ", but this process to " +
                       user_text(::geteuid()) + "; strongroom does not open it",
                   "run as " + user_text(status.st_uid) + ", or: chown " +
                       std::to_string(::geteuid()) + " " + shell_word(path)};
  }
  if ((status.st_mode & kForeignBits) != 0) {
    return Finding{Level::danger, "file-modes",
                   path + " is open to others (mode " + mode_text(status.st_mode) +
                       "); strongroom does not open it",
                   std::string("run: chmod ") + mode + " " + shell_word(path)};
  }
  return {};
}

static std::optional<Finding> check_store_file(const std::string& path) {
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return Finding{Level::warning, "file-modes", path + " could not be examined",
                   "look with: ls -l " + shell_word(path)};
  }
  if (!S_ISREG(status.st_mode)) {
    return Finding{Level::danger, "file-modes",
                   path + " is a link or a device, not a plain file; strongroom does not open it",
                   "find out who made it: ls -l " + shell_word(path)};
  }
  return foreign_access(path, status, "600");
}

static void check_modes(const std::string& directory, Findings& findings) {
  struct stat status;
  if (::stat(directory.c_str(), &status) != 0) {
    findings.push_back(errno == ENOENT
                           ? Finding{Level::note, "file-modes", directory + " does not exist",
                                     "strongroom init makes it"}
                           : Finding{Level::warning, "file-modes",
                                     directory + " could not be examined",
                                     "look with: ls -ld " + shell_word(directory)});
    return;
  }
  if (!S_ISDIR(status.st_mode)) {
    findings.push_back({Level::danger, "file-modes", directory + " is not a directory",
                        "name the directory of the store in the URL"});
    return;
  }
  const std::size_t num_before = findings.size();
  const auto add = [&](std::optional<Finding> found) {
    if (found) findings.push_back(std::move(*found));
  };
  add(foreign_access(directory, status, "700"));
  for (const char* name : kStoreFiles) add(check_store_file(directory + "/" + name));
  add(open_ancestor(directory, status.st_uid));
  if (findings.size() == num_before) {
    findings.push_back({Level::good, "file-modes", directory + " is open to this user only", ""});
  }
}

static void check_file_system(const std::string& directory, Findings& findings) {
  struct statfs kind;
  struct statvfs room;
  if (::statfs(directory.c_str(), &kind) != 0 || ::statvfs(directory.c_str(), &room) != 0) {
    findings.push_back({Level::warning, "file-system",
                        "the file system of " + directory + " could not be examined",
                        "look with: df -T " + shell_word(directory)});
    return;
  }
  findings.push_back(judge_file_system(directory, static_cast<std::uint32_t>(kind.f_type),
                                       (room.f_flag & ST_RDONLY) != 0));
  Space space;
  space.free_len = std::uint64_t{room.f_bavail} * room.f_frsize;
  space.counts_files = room.f_files != 0;
  space.free_files = room.f_favail;
  for (const char* name : kStoreFiles) {
    struct stat status;
    if (::lstat((directory + "/" + name).c_str(), &status) != 0) continue;
    space.store_len += static_cast<std::uint64_t>(status.st_blocks) * 512;  // as stat(2) counts
  }
  findings.push_back(judge_space(directory, space));
}

}  // namespace detail::doctor_storage

Finding judge_file_system(const std::string& directory, std::uint32_t magic, bool read_only) {
  struct Known {
    std::uint32_t magic;  // statfs(2), linux/magic.h
    const char* name;
  };
  constexpr std::array kShared = {
      Known{0x6969, "NFS"},        Known{0xFF534D42, "CIFS"},   Known{0xFE534D42, "SMB"},
      Known{0x517B, "SMB"},        Known{0x01021997, "9p"},     Known{0x00C36400, "Ceph"},
      Known{0x5346414F, "AFS"},    Known{0x6B414653, "AFS"},    Known{0x73757245, "Coda"},
      Known{0x0BD00BD0, "Lustre"}, Known{0x47504653, "GPFS"},   Known{0x01161970, "GFS2"},
      Known{0x7461636F, "OCFS2"},  Known{0x786F4256, "vboxsf"},
  };
  constexpr std::array kFleeting = {Known{0x01021994, "tmpfs"}, Known{0x858458F6, "ramfs"}};
  constexpr std::array kPlain = {Known{0x4D44, "FAT"}, Known{0x2011BAB0, "exFAT"}};
  constexpr std::uint32_t kOverlay = 0x794C7630;
  constexpr std::uint32_t kFuse = 0x65735546;

  const std::string check = "file-system";
  const std::string move = "move the store to a local disk";
  const auto named = [magic](const auto& list) -> const char* {
    const auto it = std::find_if(list.begin(), list.end(),
                                 [magic](const Known& known) { return known.magic == magic; });
    return it == list.end() ? nullptr : it->name;
  };
  if (const char* name = named(kShared)) {
    return {Level::danger, check,
            directory + " is on " + name + ", where LMDB's locks and mapped file are not reliable",
            move};
  }
  if (read_only && magic == kFuse) {
    return {
        Level::danger, check,
        directory + " is on a read-only FUSE file system, where readers cannot keep writers out",
        move};
  }
  if (read_only) {
    return {Level::warning, check,
            directory + " is on a file system mounted read-only: it can be read, but not written",
            "unless that is meant, mount it for writing; if the disk had an error, check it first: "
            "dmesg"};
  }
  if (const char* name = named(kFleeting)) {
    return {Level::warning, check,
            directory + " is on " + name + ", in memory: it is lost when the machine stops", move};
  }
  if (const char* name = named(kPlain)) {
    return {Level::warning, check, directory + " is on " + name + ", which has no owners and modes",
            move};
  }
  if (magic == kOverlay) {
    return {
        Level::warning, check,
        directory + " is on an overlay: if that belongs to a container, the store is lost with it",
        "put the store on a volume that is mounted into the container"};
  }
  if (magic == kFuse) {
    return {Level::warning, check,
            directory + " is on a FUSE file system, where LMDB may not be safe", move};
  }
  return {Level::good, check, directory + " is on a local file system", ""};
}

Finding judge_space(const std::string& directory, const Space& space) {
  constexpr std::uint64_t kLeast = 8 * kMiB;
  constexpr std::uint64_t kSpare = 64 * kMiB;
  constexpr std::uint64_t kFewFiles = 16;
  const std::string check = "free-space";
  const std::string where = "the file system of " + directory;
  const std::string left = where + " has " + size_text(space.free_len) + " left";
  const std::string advice = "make room, or move the store: df -h " + shell_word(directory);
  if (space.free_len < kLeast) return {Level::danger, check, left, advice};
  // Rewriting a store, as re-encryption does, or restoring it next to itself takes that much.
  if (space.free_len < std::max(kSpare, 2 * space.store_len)) {
    return {Level::warning, check, left + "; the store takes " + size_text(space.store_len),
            advice};
  }
  if (space.counts_files && space.free_files < kFewFiles) {
    return {Level::warning, check,
            where + " has room for " + std::to_string(space.free_files) + " more files",
            "delete files there: df -i " + shell_word(directory)};
  }
  return {Level::good, check, left, ""};
}

void check_storage(const std::string& directory, Findings& findings) {
  const std::string path = resolved(directory);
  detail::doctor_storage::check_file_system(nearest_existing(path), findings);
  detail::doctor_storage::check_modes(path, findings);
}

std::pair<std::string, std::int64_t> newest_file(const std::string& storage_directory) {
  std::pair<std::string, std::int64_t> newest;
  if (storage_directory.empty()) return newest;
  for (const char* name : detail::doctor_storage::kStoreFiles) {
    const std::string path = resolved(storage_directory) + "/" + name;
    struct stat status;
    if (::lstat(path.c_str(), &status) != 0) continue;
    if (newest.first.empty() || status.st_mtim.tv_sec > newest.second) {
      newest = {path, status.st_mtim.tv_sec};
    }
  }
  return newest;
}

}  // namespace strongroom::doctor
