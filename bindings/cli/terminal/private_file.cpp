// private_file.cpp: modes and access control lists; see private_file.hpp.
#include "terminal/private_file.hpp"

#include <endian.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "store/failure.hpp"

namespace strongroom_cli {
namespace {

// The tags of linux/posix_acl.h.
enum Tag : std::uint16_t {
  kOwnerTag = 1,
  kUser = 2,
  kOwnGroup = 4,
  kGroup = 8,
  kMask = 16,
  kOther = 32
};

struct Grant {
  std::uint16_t tag;
  std::uint16_t may;  // 4: read, 2: write, 1: execute
  std::uint32_t id;   // of kUser and kGroup
};

// Reach is how far a file is open, besides to its owner, to root and to this user.
struct Reach {
  bool to_our_group = false;
  bool to_others = false;
  bool writable = false;
};

// acl_of reads the list as the kernel hands it out (linux/posix_acl_xattr.h). Returns whether it made sense:
// a list that is too long to look at does not.
bool acl_of(int fd, std::vector<Grant>& grants) {
  std::array<char, 4096> bytes;
  const ssize_t got = ::fgetxattr(fd, "system.posix_acl_access", bytes.data(), bytes.size());
  if (got < 0) return errno != ERANGE;
  const auto len = static_cast<std::size_t>(got);
  for (std::size_t at = 4; at + 8 <= len; at += 8) {
    Grant grant{};
    std::memcpy(&grant.tag, bytes.data() + at, 2);
    std::memcpy(&grant.may, bytes.data() + at + 2, 2);
    std::memcpy(&grant.id, bytes.data() + at + 4, 4);
    grants.push_back({le16toh(grant.tag), le16toh(grant.may), le32toh(grant.id)});
  }
  return len >= 4 && len % 8 == 4;
}

// apply_mask limits all but the owner's grant and that of others by the mask.
void apply_mask(std::vector<Grant>& grants) {
  const auto mask = std::find_if(grants.begin(), grants.end(),
                                 [](const Grant& grant) { return grant.tag == kMask; });
  if (mask == grants.end()) return;
  const std::uint16_t most = mask->may;
  for (Grant& grant : grants) {
    if (grant.tag == kUser || grant.tag == kOwnGroup || grant.tag == kGroup) grant.may &= most;
  }
}

bool is_our_group(gid_t group) {
  if (group == 0 || group == ::getegid()) return true;
  const int count = ::getgroups(0, nullptr);
  if (count <= 0) return false;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  const int got = ::getgroups(count, groups.data());
  return got > 0 && std::find(groups.begin(), groups.begin() + got, group) != groups.begin() + got;
}

bool is_ours(uid_t user) {
  return user == 0 || user == ::geteuid();
}

void add(const Grant& grant, const struct stat& found, Reach& reach) {
  if (grant.may == 0 || grant.tag == kOwnerTag || grant.tag == kMask) return;
  if (grant.tag == kUser && is_ours(grant.id)) return;
  if ((grant.may & 2) != 0) reach.writable = true;
  const gid_t group = grant.tag == kOwnGroup ? found.st_gid : grant.id;
  const bool ours = (grant.tag == kOwnGroup || grant.tag == kGroup) && is_our_group(group) &&
                    is_ours(found.st_uid);
  (ours ? reach.to_our_group : reach.to_others) = true;
}

Reach reach_of(int fd, const struct stat& found) {
  std::vector<Grant> grants;
  if (!acl_of(fd, grants)) return {.to_others = true};
  if (grants.empty()) {
    grants = {{kOwnGroup, static_cast<std::uint16_t>(found.st_mode >> 3 & 7), 0},
              {kOther, static_cast<std::uint16_t>(found.st_mode & 7), 0}};
  }
  apply_mask(grants);
  Reach reach;
  for (const Grant& grant : grants) add(grant, found, reach);
  return reach;
}

std::string mode_text(mode_t mode) {
  std::string digits(4, '0');
  for (std::size_t i = 4; i-- > 0; mode >>= 3) digits[i] = static_cast<char>('0' + (mode & 7));
  return digits;
}

std::string shell_word(const std::string& file) {
  std::string word = "'";
  for (const char c : file) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

// cure says what to do. chmod works for the owner and root, and not on a read-only file system.
std::string cure(int fd, const struct stat& found, const std::string& file, bool writable) {
  struct statvfs system {};
  const bool read_only = ::fstatvfs(fd, &system) != 0 || (system.f_flag & ST_RDONLY) != 0;
  const bool changeable = !read_only && (found.st_uid == ::geteuid() || ::geteuid() == 0);
  if (changeable) return "run: chmod 600 " + (file == "-" ? "FILE" : shell_word(file));
  const std::string provider =
      "what provides it sets the mode: in Kubernetes defaultMode: 0400 with fsGroup, in Docker "
      "mode: 0400 with uid";
  return writable ? provider : provider + "; or accept it with --allow-readable-key-file";
}

}  // namespace

void refuse_exposed(int fd, const std::string& file, const std::string& what, PrivateRule rule) {
  struct stat found {};
  if (::fstat(fd, &found) != 0) {
    throw system_failure(kExitInvalid, "reading " + what + " from '" + file + "' failed");
  }
  if (!S_ISREG(found.st_mode)) return;
  if (rule.own && !is_ours(found.st_uid)) {
    throw Failure(kExitDenied, what + " '" + file +
                                   "' belongs to another user, who can replace it; use a file of "
                                   "your own");
  }
  const Reach reach = reach_of(fd, found);
  if (!reach.writable && (!reach.to_others || rule.allow_readable)) return;
  throw Failure(kExitDenied, what + " '" + file + "' is open to others (mode " +
                                 mode_text(found.st_mode) + ")" +
                                 (reach.writable ? ", who can change it" : "") + "; " +
                                 cure(fd, found, file, reach.writable));
}

}  // namespace strongroom_cli
