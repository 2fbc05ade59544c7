// private_file.ipp: modes and access control lists; see private_file.hpp.
#include <endian.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "strongroom/impl/base/private_file.hpp"

namespace strongroom {
namespace detail::private_file {

// The tags of linux/posix_acl.h.
inline constexpr std::uint16_t kOwner = 1, kUser = 2, kOwnGroup = 4, kGroup = 8, kMask = 16,
                               kOther = 32;
inline constexpr const char* kAclName = "system.posix_acl_access";

struct Grant {
  std::uint16_t tag;
  std::uint16_t may;  // 4: read, 2: write, 1: execute
  std::uint32_t id;   // of kUser and kGroup
};

using Grants = std::vector<Grant>;
using AclBytes = std::array<char, 4096>;

// take_acl reads the list as the kernel hands it out (linux/posix_acl_xattr.h). Returns whether it made sense.
static bool take_acl(std::string_view bytes, Grants& grants) {
  for (std::size_t at = 4; at + 8 <= bytes.size(); at += 8) {
    Grant grant{};
    std::memcpy(&grant.tag, bytes.data() + at, 2);
    std::memcpy(&grant.may, bytes.data() + at + 2, 2);
    std::memcpy(&grant.id, bytes.data() + at + 4, 4);
    grants.push_back({le16toh(grant.tag), le16toh(grant.may), le32toh(grant.id)});
  }
  return bytes.size() % 8 == 4;
}

// apply_mask limits all but the owner's grant and that of others by the mask.
static void apply_mask(Grants& grants) {
  const auto mask = std::find_if(grants.begin(), grants.end(),
                                 [](const Grant& grant) { return grant.tag == kMask; });
  if (mask == grants.end()) return;
  const std::uint16_t most = mask->may;
  for (Grant& grant : grants) {
    if (grant.tag == kUser || grant.tag == kOwnGroup || grant.tag == kGroup) grant.may &= most;
  }
}

static bool is_our_group(gid_t group) {
  if (group == 0 || group == ::getegid()) return true;
  const int count = ::getgroups(0, nullptr);
  if (count <= 0) return false;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  const int got = ::getgroups(count, groups.data());
  return got > 0 && std::find(groups.begin(), groups.begin() + got, group) != groups.begin() + got;
}

static bool is_ours(uid_t user) {
  return user == 0 || user == ::geteuid();
}

static void add(const Grant& grant, const struct stat& status, Reach& reach) {
  if (grant.may == 0 || grant.tag == kOwner || grant.tag == kMask) return;
  if (grant.tag == kUser && is_ours(grant.id)) return;
  if ((grant.may & 2) != 0) reach.writable = true;
  const gid_t group = grant.tag == kOwnGroup ? status.st_gid : grant.id;
  const bool ours = (grant.tag == kOwnGroup || grant.tag == kGroup) && is_our_group(group) &&
                    is_ours(status.st_uid);
  (ours ? reach.to_our_group : reach.to_others) = true;
}

// judge is passed what getxattr returned. A list that is too long to look at may name anybody.
static Reach judge(const struct stat& status, const AclBytes& bytes, ssize_t len) {
  Grants grants;
  Reach reach;
  if (len < 0 && errno == ERANGE) reach.to_others = true;
  if (len >= 0 && !take_acl({bytes.data(), static_cast<std::size_t>(len)}, grants))
    reach.to_others = true;
  if (grants.empty()) {
    grants = {{kOwnGroup, static_cast<std::uint16_t>(status.st_mode >> 3 & 7), 0},
              {kOther, static_cast<std::uint16_t>(status.st_mode & 7), 0}};
  }
  apply_mask(grants);
  for (const Grant& grant : grants) add(grant, status, reach);
  return reach;
}

}  // namespace detail::private_file

Reach reach_of(int fd, const struct stat& status) {
  namespace here = detail::private_file;
  here::AclBytes bytes;
  return here::judge(status, bytes, ::fgetxattr(fd, here::kAclName, bytes.data(), bytes.size()));
}

Reach reach_of(const std::string& path, const struct stat& status) {
  namespace here = detail::private_file;
  here::AclBytes bytes;
  return here::judge(status, bytes,
                     ::getxattr(path.c_str(), here::kAclName, bytes.data(), bytes.size()));
}

bool can_chmod(const std::string& path, const struct stat& status) {
  struct statvfs system;
  if (::statvfs(path.c_str(), &system) != 0 || (system.f_flag & ST_RDONLY) != 0) return false;
  return status.st_uid == ::geteuid() || ::geteuid() == 0;
}

}  // namespace strongroom
