#include "identity/users.hpp"

#include <sodium.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "identity/identity_text.hpp"
#include "message/failure.hpp"

namespace strongroomd {
namespace {

constexpr off_t kMaxUsersLen = off_t{16} << 20;

struct User {
  std::string hash;
  IdentityText identity;
};
using UserTable = std::map<std::string, User>;

[[noreturn]] void fail_users(const std::string& file, const std::string& why) {
  throw std::runtime_error("the users file '" + file + "': " + why);
}

bool is_hash(const std::string& text) noexcept {
  return text.starts_with("$argon2id$") && text.size() < crypto_pwhash_STRBYTES &&
         crypto_pwhash_str_needs_rehash(text.c_str(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                        crypto_pwhash_MEMLIMIT_INTERACTIVE) >= 0;
}

// The line is UID:HASH or UID:HASH:IDENTITY; a hash has no colon, an identity may.
void add_user(UserTable& users, const std::string& line, const std::string& where) {
  const std::size_t first = line.find(':');
  if (first == line.npos || first == 0)
    fail_users(where, "a line is UID:HASH or UID:HASH:IDENTITY");
  const std::string uid = line.substr(0, first);
  const std::size_t second = std::min(line.size(), line.find(':', first + 1));
  User user;
  user.hash = line.substr(first + 1, second - first - 1);
  user.identity = second < line.size() ? line.substr(second + 1) : "user:" + uid;
  if (!is_hash(user.hash)) fail_users(where, "the hash is none of strongroomd hash-password");
  try {
    parse_identity(user.identity);
  } catch (const Failure& failure) {
    fail_users(where, failure.what());
  }
  if (!users.emplace(uid, std::move(user)).second) fail_users(where, "the uid is there twice");
}

UserTable read_users(const std::string& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) fail_users(file, std::strerror(errno));
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    fail_users(file, "others may write to it: chmod 600");
  if (!S_ISREG(status.st_mode) || status.st_size > kMaxUsersLen)
    fail_users(file, "it is no file of up to 16 MiB");
  std::ifstream lines(file);
  if (!lines) fail_users(file, "it cannot be read");
  UserTable users;
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (!line.empty() && line.front() != '#')
      add_user(users, line, file + ":" + std::to_string(number));
  }
  return users;
}

// start_of never returns null, which libsodium does not take even for a password without characters.
const char* start_of(std::string_view password) noexcept {
  return password.empty() ? "" : password.data();
}

bool fits(const std::string& hash, std::string_view password) noexcept {
  return crypto_pwhash_str_verify(hash.c_str(), start_of(password), password.size()) == 0;
}

}  // namespace

std::string hash_password(std::string_view password) {
  std::string hash(crypto_pwhash_STRBYTES, '\0');
  if (crypto_pwhash_str(hash.data(), start_of(password), password.size(),
                        crypto_pwhash_OPSLIMIT_INTERACTIVE,
                        crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
    throw std::runtime_error("no memory to hash a password");
  hash.resize(std::strlen(hash.c_str()));
  return hash;
}

class Users::State {
 public:
  explicit State(std::string file)
      : file_(std::move(file)), users_(read_users(file_)), nobody_(hash_password("")) {}

  std::optional<IdentityText> check(const std::string& uid, std::string_view password) {
    const std::optional<User> user = find(uid);
    // Without such a user the work is the same, and so is the time.
    const bool is_right = fits(user ? user->hash : nobody_, password);
    if (!user || !is_right) return std::nullopt;
    return user->identity;
  }

 private:
  std::optional<User> find(const std::string& uid) {
    const std::lock_guard lock(mutex_);
    reload();
    const auto found = users_.find(uid);
    if (found == users_.end()) return std::nullopt;
    return found->second;
  }

  // reload reads the file again where it has changed. One that cannot be read any more changes nothing.
  void reload() {
    struct stat status {};
    if (::stat(file_.c_str(), &status) != 0 || is_same(status, read_)) return;
    read_ = status;
    try {
      users_ = read_users(file_);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "strongroomd: %s; going on with what it was before\n", error.what());
    }
  }

  static bool is_same(const struct stat& a, const struct stat& b) noexcept {
    return a.st_ino == b.st_ino && a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
           a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
  }

  std::string file_;
  std::mutex mutex_;
  UserTable users_;
  struct stat read_ {};
  std::string nobody_;
};

Users::Users(std::string file) : state_(std::make_unique<State>(std::move(file))) {}
Users::~Users() = default;

std::optional<IdentityText> Users::check(const std::string& uid, std::string_view password) {
  return state_->check(uid, password);
}

}  // namespace strongroomd
