// owner.cpp: names to numbers; see owner.hpp.
#include "store/owner.hpp"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <charconv>
#include <optional>
#include <vector>

#include "store/failure.hpp"

namespace strongroom_cli {
namespace {

constexpr std::size_t kMaxRecordLen = std::size_t{1} << 20;

Failure bad_owner(const std::string& why) {
  return {kExitInvalid, "--owner was refused: " + why};
}

// number_in returns the id that a text of digits names.
std::optional<id_t> number_in(const std::string& text) {
  id_t number = 0;
  const auto [end, trouble] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end != text.data() + text.size() || trouble == std::errc::invalid_argument) return {};
  if (trouble != std::errc() || number == Owner::kUnchanged) {
    throw bad_owner("a number is at most " + std::to_string(Owner::kUnchanged - 1));
  }
  return number;
}

// look_up calls one of the functions such as getpwnam_r, whose results need a buffer of unknown length.
template <typename Record, typename Key>
std::optional<Record> look_up(int (*function)(Key, Record*, char*, std::size_t, Record**), Key key,
                              std::vector<char>& buffer) {
  for (buffer.resize(4096);; buffer.resize(2 * buffer.size())) {
    Record record{};
    Record* found = nullptr;
    const int error = function(key, &record, buffer.data(), buffer.size(), &found);
    if (error == ERANGE && buffer.size() < kMaxRecordLen) continue;
    if (found == nullptr) return {};
    return record;
  }
}

void find_user(const std::string& text, bool login_group, Owner& owner) {
  std::vector<char> buffer;
  auto record = look_up(&::getpwnam_r, text.c_str(), buffer);
  if (!record) {
    const auto number = number_in(text);
    if (!number) throw bad_owner("there is no user '" + text + "'");
    owner.user = *number;
    if (login_group) record = look_up(&::getpwuid_r, owner.user, buffer);
    if (login_group && !record) throw bad_owner("user " + text + " has no login group");
  }
  if (!record) return;
  owner.user = record->pw_uid;
  if (login_group) owner.group = record->pw_gid;
}

gid_t find_group(const std::string& text) {
  std::vector<char> buffer;
  if (const auto record = look_up(&::getgrnam_r, text.c_str(), buffer)) return record->gr_gid;
  if (const auto number = number_in(text)) return *number;
  throw bad_owner("there is no group '" + text + "'");
}

std::string text_of(id_t id) {
  return id == Owner::kUnchanged ? "unchanged" : std::to_string(id);
}

}  // namespace

Owner find_owner(const std::string& text) {
  const std::size_t colon = text.find(':');
  const bool has_group = colon != std::string::npos;
  const std::string user = text.substr(0, colon);
  const std::string group = has_group ? text.substr(colon + 1) : "";
  if ((user.empty() && group.empty()) || group.find(':') != std::string::npos) {
    throw bad_owner("it takes USER, USER:GROUP, USER: or :GROUP");
  }
  Owner owner;
  if (!user.empty()) find_user(user, has_group && group.empty(), owner);
  if (!group.empty()) owner.group = find_group(group);
  return owner;
}

void give_to(int fd, const Owner& owner) {
  if (owner == Owner{} || ::fchown(fd, owner.user, owner.group) == 0) return;
  const int error = errno;
  const std::string what = "giving a secret file to its owner (user " + text_of(owner.user) +
                           ", group " + text_of(owner.group) + ") failed";
  if (error == EPERM || error == EINVAL) {
    throw Failure(kExitUnsupported, what +
                                        ": that needs root (CAP_CHOWN), and in a user namespace "
                                        "only ids that it maps; --no-namespace needs neither");
  }
  throw system_failure(kExitUnavailable, what, error);
}

Account find_account(const std::string& name) {
  std::vector<char> buffer;
  const auto record = look_up(&::getpwnam_r, name.c_str(), buffer);
  if (!record) throw Failure(kExitInvalid, "there is no user '" + name + "' on this system");
  Account account{name, record->pw_dir, record->pw_uid, record->pw_gid, {}};
  int count = 16;
  for (;;) {
    account.groups.resize(static_cast<std::size_t>(count));
    if (::getgrouplist(name.c_str(), account.group, account.groups.data(), &count) >= 0) break;
  }
  account.groups.resize(static_cast<std::size_t>(count));
  return account;
}

bool is_account(const std::string& name, uid_t id) {
  std::vector<char> buffer;
  const auto record = look_up(&::getpwnam_r, name.c_str(), buffer);
  return record && record->pw_uid == id;
}

void become(const Account& account) {
  if (::setgroups(account.groups.size(), account.groups.data()) == 0 &&
      ::setresgid(account.group, account.group, account.group) == 0 &&
      ::setresuid(account.user, account.user, account.user) == 0) {
    return;
  }
  throw system_failure(kExitUnsupported, "becoming the user '" + account.name + "' failed");
}

}  // namespace strongroom_cli
