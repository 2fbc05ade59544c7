// doctor_files.ipp: the checks of key files, and of access to a path; see doctor.hpp.
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "strongroom/doctor.hpp"
#include "strongroom/impl/base/private_file.hpp"
#include "strongroom/impl/doctor/doctor_internal.hpp"

namespace strongroom::doctor {
namespace detail::doctor_files {

namespace fs = std::filesystem;

static Finding judge_neighbours(const std::string& key, const std::string& storage) {
  const std::string check = "key-beside-data";
  const std::string advice =
      "keep it on another disk, or hand it to the service as a systemd credential: "
      "LoadCredential=strongroom.key:" +
      key;
  if (is_below(key, storage)) {
    return {Level::danger, check,
            key + " is in " + storage + ": anyone who copies the store copies its key", advice};
  }
  if (parent_of(key) == parent_of(storage)) {
    return {Level::warning, check,
            key + " is next to " + storage + ": a backup of " + parent_of(key) + " takes both",
            advice};
  }
  struct stat of_key;
  struct stat of_storage;
  // Directories are compared: on an overlay their files can have other device numbers.
  if (::stat(parent_of(key).c_str(), &of_key) == 0 &&
      ::stat(nearest_existing(storage).c_str(), &of_storage) == 0 &&
      of_key.st_dev == of_storage.st_dev) {
    return {Level::note, check,
            key + " is on the same file system as " + storage + ": an image of it takes both",
            advice};
  }
  return {Level::good, check, key + " and " + storage + " are on different file systems", ""};
}

// check_reach reports who besides the owner and root can read or change the key.
static void check_reach(const std::string& key, const struct stat& status, Findings& findings) {
  const Reach reach = reach_of(key, status);
  if (!reach.to_our_group && reach.is_private()) return;
  const bool changeable = can_chmod(key, status);
  const std::string cure =
      changeable ? "run: chmod 600 " + shell_word(key) : std::string(kModeOfProvider);
  const std::string mode = " (mode " + mode_text(status.st_mode) + ")";
  if (!reach.is_private()) {
    findings.push_back(
        {Level::danger, "file-modes",
         key + " is open to others" + mode + "; anyone who read it can open the store",
         cure + "; then replace its slot"});
    return;
  }
  findings.push_back(
      {changeable ? Level::warning : Level::note, "file-modes",
       key + " can be read by a group" + mode + ": all who are in it can open the store",
       cure + "; or make sure that only this service is in the group"});
}

// check_own_key checks a key file that is kept, not one handed to the process for its lifetime.
static void check_own_key(const std::string& key, const struct stat& status, Findings& findings) {
  const std::size_t num_before = findings.size();
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    findings.push_back(
        {Level::danger, "file-modes",
         key + " belongs to " + user_text(status.st_uid) + ", who can read and replace it",
         "run: chown " + std::to_string(::geteuid()) + " " + shell_word(key)});
  }
  check_reach(key, status, findings);
  if (auto found = open_ancestor(key, status.st_uid)) findings.push_back(std::move(*found));
  if (status.st_nlink > 1) {
    findings.push_back(
        {Level::warning, "key-file",
         key + " has " + std::to_string(status.st_nlink) + " names: deleting one leaves the key",
         "find them: find / -xdev -samefile " + shell_word(key)});
  }
  if (findings.size() == num_before) {
    findings.push_back({Level::good, "key-file", key + " is open to this user only", ""});
  }
}

}  // namespace detail::doctor_files

std::string mode_text(mode_t mode) {
  std::string digits(4, '0');
  for (std::size_t i = 4; i-- > 0; mode >>= 3) digits[i] = static_cast<char>('0' + (mode & 7));
  return digits;
}

std::string user_text(uid_t user) {
  return "user " + std::to_string(user);
}

std::string resolved(const std::string& path) {
  std::error_code trouble;
  const detail::doctor_files::fs::path absolute = detail::doctor_files::fs::absolute(path, trouble);
  const detail::doctor_files::fs::path found =
      detail::doctor_files::fs::weakly_canonical(absolute, trouble);
  std::string text = trouble ? absolute.string() : found.string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

std::string parent_of(const std::string& path) {
  return detail::doctor_files::fs::path(path).parent_path().string();
}

bool is_below(const std::string& path, const std::string& directory) {
  return path == directory || directory == "/" || path.starts_with(directory + "/");
}

std::string nearest_existing(std::string path) {
  struct stat status;
  while (path.size() > 1 && ::stat(path.c_str(), &status) != 0) path = parent_of(path);
  return path.empty() ? "/" : path;
}

std::optional<Finding> open_ancestor(const std::string& path, uid_t owner) {
  std::string directory = path;
  while (directory.size() > 1) {
    directory = parent_of(directory);
    struct stat status;
    if (::stat(directory.c_str(), &status) != 0) continue;
    const uid_t user = status.st_uid;
    if (user != 0 && user != ::geteuid() && user != owner) {
      return Finding{Level::danger, "file-modes",
                     directory + " belongs to " + user_text(user) + ", who can replace " + path,
                     "move it below a directory that belongs to root or to its own user"};
    }
    if ((status.st_mode & S_ISVTX) != 0) continue;
    const bool everyone = (status.st_mode & S_IWOTH) != 0;
    if (!everyone && ((status.st_mode & S_IWGRP) == 0 || status.st_gid == 0)) continue;
    return Finding{
        everyone ? Level::danger : Level::warning, "file-modes",
        directory + " can be written by " +
            (everyone ? "everyone" : "group " + std::to_string(status.st_gid)) +
            ", who can replace " + path,
        std::string("run: chmod ") + (everyone ? "go-w " : "g-w ") + shell_word(directory)};
  }
  return {};
}

bool is_systemd_credential(const std::string& path, const std::string& credentials_directory) {
  if (is_below(path, "/run/credentials")) return true;
  return credentials_directory.starts_with('/') && credentials_directory.size() > 1 &&
         is_below(path, resolved(credentials_directory));
}

void check_key_file(const std::string& key_file, const std::string& storage_directory,
                    Findings& findings) {
  struct stat status;
  if (::stat(key_file.c_str(), &status) != 0) {
    findings.push_back(
        {Level::warning, "key-file",
         key_file + " could not be examined: " + std::generic_category().message(errno),
         "look with: ls -l " + shell_word(key_file)});
    return;
  }
  const std::string key = resolved(key_file);
  if (!S_ISREG(status.st_mode)) {
    findings.push_back({Level::note, "key-file",
                        key + " is not a plain file, so it was not examined",
                        "make sure that nobody else can read what comes from it"});
    return;
  }
  const char* const handed = ::secure_getenv("CREDENTIALS_DIRECTORY");
  const bool everyone = (status.st_mode & S_IRWXO) != 0;
  if (!everyone && is_systemd_credential(key, handed == nullptr ? "" : handed)) {
    findings.push_back({Level::good, "key-file", key + " is a systemd credential", ""});
  } else {
    detail::doctor_files::check_own_key(key, status, findings);
  }
  if (storage_directory.empty()) return;
  findings.push_back(detail::doctor_files::judge_neighbours(key, resolved(storage_directory)));
}

}  // namespace strongroom::doctor
