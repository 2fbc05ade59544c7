// doctor_internal.hpp: what the doctor's checks are made of.
//
// A judge_ function is passed facts and returns what they mean; a check_ function gathers the facts here
// and now. So tests can also judge what they cannot bring about, for example a network file system.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/doctor.hpp"

namespace strongroom::doctor {

using Findings = std::vector<Finding>;
using Level = Finding::Level;

inline constexpr std::uint64_t kNoLimit = UINT64_MAX;
inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;

// size_text spells a number of bytes: "64 KiB", "5 MiB", "no limit".
std::string size_text(std::uint64_t bytes);

// shell_word quotes a path so that a shell takes it as one word.
std::string shell_word(const std::string& path);

// read_small returns the first 64 KiB of one of the kernel's files; nothing if it cannot be read.
std::optional<std::string> read_small(const char* path);

//
// The process and the machine: doctor_host.ipp
//

// LockedMemory is what this process can lock: it was tried, not just read from the limit.
struct LockedMemory {
  std::uint64_t limit = kNoLimit;
  bool limit_binds = true;     // false for root, and with CAP_IPC_LOCK
  std::uint64_t keys_len = 0;  // that keys need, and whether so much could be locked
  bool keys_fit = false;
  std::uint64_t values_len = 0;  // that the budget for values needs besides
  bool values_fit = false;
};
Finding judge_locked_memory(const LockedMemory& memory);

struct CoreDumps {
  bool dumpable = true;     // the process has not forbidden dumps itself
  std::uint64_t limit = 0;  // RLIMIT_CORE
  std::string pattern;      // /proc/sys/kernel/core_pattern
};
Finding judge_core_dumps(const CoreDumps& dumps);

// swaps_of lists what /proc/swaps names, except swap that is in memory (zram).
std::vector<std::string> swaps_of(std::string_view proc_swaps);

// hibernates reads in /sys/power/state and /sys/power/disk whether the machine can write all of
// its memory, locked or not, to a disk.
bool hibernates(std::string_view power_state, std::string_view power_disk);

Finding judge_swap(const std::vector<std::string>& swaps, bool can_hibernate);

struct Clock {
  std::int64_t now_s = 0;    // since 1970
  std::int64_t step_s = 0;   // how far it jumped while the doctor looked
  bool synchronised = true;  // as far as the kernel knows from a time service
  std::string written_path;  // the newest file of the storage; empty: there is none
  std::int64_t written_s = 0;
};
Finding judge_clock(const Clock& clock);

Finding check_locked_memory();
Finding check_core_dumps();
Finding check_swap();
Finding check_entropy();
// wall_offset_ns returns how far the clock is ahead of the time since boot: it changes if it is set.
std::int64_t wall_offset_ns();
Finding check_clock(const std::string& storage_directory, std::int64_t offset_before_ns);

//
// Access to a path, and the key files: doctor_files.ipp
//

std::string mode_text(mode_t mode);  // four octal digits
std::string user_text(uid_t user);

// resolved follows links; the part of a path that does not exist stays as it is.
std::string resolved(const std::string& path);
std::string parent_of(const std::string& path);
bool is_below(const std::string& path, const std::string& directory);

// nearest_existing returns the path itself or, if it does not exist, the directory below which it would
// be made.
std::string nearest_existing(std::string path);

// open_ancestor finds a directory above a path in which another user could put something else in
// its place. In a sticky directory, such as /tmp, nobody else can move what is ours.
// owner  the path's owner, whose directories may be above it, besides root's and this user's.
std::optional<Finding> open_ancestor(const std::string& path, uid_t owner);

// is_systemd_credential returns whether a resolved path is one that systemd handed to a service.
// credentials_directory  what $CREDENTIALS_DIRECTORY says; may be empty.
bool is_systemd_credential(const std::string& path, const std::string& credentials_directory);

void check_key_file(const std::string& key_file, const std::string& storage_directory,
                    Findings& findings);

//
// The storage: doctor_storage.ipp
//

// judge_file_system recognizes file systems by the numbers of statfs(2).
Finding judge_file_system(const std::string& directory, std::uint32_t magic, bool read_only);

struct Space {
  std::uint64_t free_len = 0;    // to this user
  std::uint64_t store_len = 0;   // that the storage uses now
  bool counts_files = true;      // some file systems do not count them
  std::uint64_t free_files = 0;  // that can still be made
};
Finding judge_space(const std::string& directory, const Space& space);

void check_storage(const std::string& directory, Findings& findings);

// newest_file returns the file of the storage that was written last, and when; "" if there is none.
std::pair<std::string, std::int64_t> newest_file(const std::string& storage_directory);

}  // namespace strongroom::doctor
