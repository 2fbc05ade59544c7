// settings.cpp: the bodies of settings.hpp.
#include "settings.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "text.hpp"

namespace strongroom_mesos {

namespace {

constexpr std::uint64_t kMaxTimeoutMs = 600'000;
constexpr std::uint64_t kMaxMemoryBytes = std::uint64_t{1} << 40;
constexpr std::size_t kMaxPolicyBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxKeyBytes = 4096;

using Texts = std::vector<std::pair<const char*, std::string Settings::*>>;

const Texts& texts() {
  static const Texts all = {
      {"store", &Settings::store},
      {"key_file", &Settings::key_file},
      {"identity", &Settings::identity},
      {"space", &Settings::space},
      {"allow", &Settings::allow},
      {"policy_file", &Settings::policy_file},
      {"zk_auth_file", &Settings::zk_auth_file},
  };
  return all;
}

std::uint64_t number_of(const std::string& key, const std::string& value, std::uint64_t most) {
  const bool digits = !value.empty() && value.size() <= 15 &&
                      value.find_first_not_of("0123456789") == std::string::npos;
  const std::uint64_t number = digits ? std::stoull(value) : 0;
  if (number >= 1 && number <= most) return number;
  throw Trouble("parameter '" + key + "' must be a number from 1 to " + std::to_string(most));
}

// set assigns one parameter. Returns  false for an unknown one.
bool set(Settings& settings, const std::string& key, const std::string& value) {
  if (key == "timeout_ms") {
    settings.timeout_ms = static_cast<std::uint32_t>(number_of(key, value, kMaxTimeoutMs));
    return true;
  }
  if (key == "memory_bytes") {
    settings.memory_bytes = static_cast<std::size_t>(number_of(key, value, kMaxMemoryBytes));
    return true;
  }
  for (const auto& [name, member] : texts()) {
    if (key != name) continue;
    if (value.empty() || value.find('\0') != std::string::npos)
      throw Trouble("parameter '" + key + "' must be a text that is not empty");
    settings.*member = value;
    return true;
  }
  return false;
}

std::string known() {
  std::string names = "timeout_ms, memory_bytes";
  for (const auto& [name, member] : texts()) names += std::string(", ") + name;
  return names;
}

// pattern_of returns the pattern of a rule for everything at and below a prefix, which is a path.
std::string pattern_of(std::string prefix) {
  const auto begin = prefix.find_first_not_of(" /");
  prefix = begin == std::string::npos ? "" : prefix.substr(begin);
  while (!prefix.empty() && (prefix.back() == ' ' || prefix.back() == '/')) prefix.pop_back();
  const auto odd = [](unsigned char c) { return c < 0x20 || c == '"' || c == '\\' || c == '*'; };
  if (std::any_of(prefix.begin(), prefix.end(), odd))
    throw Trouble(
        "parameter 'allow' has a prefix with '*', a quote, a backslash or a control "
        "character; name folders and secrets, separated by commas");
  return prefix;
}

// document_of returns the rules of an allow list.
std::string document_of(const Settings& settings) {
  std::string paths;
  std::istringstream list(settings.allow);
  for (std::string prefix; std::getline(list, prefix, ',');) {
    if (prefix.find_first_not_of(' ') == std::string::npos)
      throw Trouble("parameter 'allow' has an empty prefix; '/' is everything");
    const std::string path = pattern_of(prefix);
    if (!paths.empty()) paths += ", ";
    paths += path.empty() ? "\"**\"" : '"' + path + "\", \"" + path + "/**\"";
  }
  return R"({"version": 1, "rules": [{"to": ["anyone"], "allow": ["read", "resolve"], "paths": [)" +
         paths + "]}]}";
}

std::string read_policy(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in.is_open() || in.bad()) throw Trouble("the policy file '" + file + "' cannot be read");
  if (text.size() > kMaxPolicyBytes)
    throw Trouble("the policy file '" + file + "' is over 1,048,576 bytes");
  return text;
}

// stem_of returns the name of a document: that of its file, without folder and ending.
std::string stem_of(const std::string& file) {
  const std::string name = file.substr(file.rfind('/') + 1);
  return name.substr(0, name.rfind('.'));
}

class Fd {
 public:
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

bool is_our_group(gid_t group) {
  if (group == 0 || group == ::getegid()) return true;
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  const int num = ::getgroups(static_cast<int>(groups.size()), groups.data());
  return num > 0 && std::find(groups.begin(), groups.begin() + num, group) != groups.begin() + num;
}

// is_private is true if only the owner, root and perhaps a group of this process can read the file, and
// only the owner and root can write to it. An access control list may name others: the group's bits are its
// mask then.
bool is_private(int fd, const struct stat& found) {
  const bool ours = found.st_uid == 0 || found.st_uid == ::geteuid();
  if (!ours || (found.st_mode & 0037) != 0) return false;
  if ((found.st_mode & 0040) == 0) return true;
  return is_our_group(found.st_gid) && ::fgetxattr(fd, "system.posix_acl_access", nullptr, 0) <= 0;
}

}  // namespace

Settings Settings::read(const std::vector<std::pair<std::string, std::string>>& parameters) {
  Settings settings;
  std::set<std::string> seen;
  for (const auto& [key, value] : parameters) {
    if (!set(settings, key, value))
      throw Trouble("unknown parameter '" + printable(key, kMaxNameShown) + "'; known are " +
                    known());
    if (!seen.insert(key).second) throw Trouble("parameter '" + key + "' is given twice");
  }
  if (settings.store.empty()) throw Trouble("parameter 'store' is missing: the URL of the store");
  if (settings.key_file.empty())
    throw Trouble("parameter 'key_file' is missing: the file that unseals the store");
  // A service resolves in its space and nowhere else, so an allow list would have no say.
  if (!settings.allow.empty() && !settings.space.empty())
    throw Trouble("parameters 'allow' and 'space' exclude each other");
  if (!settings.allow.empty() && !settings.policy_file.empty())
    throw Trouble("parameters 'allow' and 'policy_file' exclude each other");
  return settings;
}

std::vector<strongroom_abi::Policy> Settings::rules() const {
  std::vector<strongroom_abi::Policy> rules;
  if (!allow.empty()) {
    const std::string text = document_of(*this);
    rules.push_back(strongroom_abi::Policy::parse({{"allow", text}}));
  } else if (!policy_file.empty()) {
    const std::string text = read_policy(policy_file);
    rules.push_back(strongroom_abi::Policy::parse({{stem_of(policy_file), text}}));
  }
  return rules;
}

void Settings::take_memory() const {
  if (memory_bytes == 0) return;
  strongroom_abi::detail::Call call;
  call.check(strongroom_memory_set_budget(memory_bytes, call));
}

std::string Settings::rights() const {
  const std::string by =
      policy_file.empty() ? "the policies in the store" : "the policy file '" + policy_file + "'";
  const std::string who = (space.empty() ? "user:" : "service:") + identity;
  std::string rights =
      "Mesos does not say which task asks for a secret, so every task of this agent may "
      "resolve what '" +
      who + "' may: ";
  if (!allow.empty()) return rights + "what lies at or below " + allow;
  if (space.empty()) return rights + "what " + by + (policy_file.empty() ? " grant" : " grants");
  return rights + "what is in the space of '" + space + "', but for what " + by +
         (policy_file.empty() ? " deny" : " denies");
}

strongroom_abi::Secret read_key(const std::string& file) {
  const std::string name = "the key file '" + file + "' ";
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat found {};
  if (fd.get() < 0 || ::fstat(fd.get(), &found) != 0)
    throw Trouble(name + "cannot be read: " + std::strerror(errno));
  if (!S_ISREG(found.st_mode)) throw Trouble(name + "is not a regular file");
  if (!is_private(fd.get(), found))
    throw Trouble(name +
                  "is open to others, or belongs to another user; it must be this user's or "
                  "root's, with mode 0600");
  strongroom_abi::Secret key(kMaxKeyBytes);
  std::size_t len = 0;
  while (len < kMaxKeyBytes) {
    const ssize_t got = ::read(fd.get(), key.writable() + len, kMaxKeyBytes - len);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Trouble(name + "cannot be read: " + std::strerror(errno));
    if (got == 0) break;
    len += static_cast<std::size_t>(got);
  }
  if (len == 0 || len == kMaxKeyBytes) throw Trouble(name + "has no key in it");
  key.truncate(len);
  return key;
}

}  // namespace strongroom_mesos
