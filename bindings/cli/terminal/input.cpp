// input.cpp: reading; see input.hpp.
#include "terminal/input.hpp"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "store/failure.hpp"
#include "terminal/unique_fd.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Secret;

constexpr std::size_t kFirstLen = 16384;
constexpr std::size_t kMaxKeyFileLen = 4096;

// An input is a descriptor with a name for messages.
struct Input {
  UniqueFd owned;
  int fd = STDIN_FILENO;
  std::string name = "standard input";
};

Input open_input(const std::string& file, const std::string& what) {
  if (file == "-") return {};
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) throw system_failure(kExitInvalid, "reading " + what + " from '" + file + "' failed");
  const int number = fd.get();
  return {std::move(fd), number, "'" + file + "'"};
}

struct stat look_at(const Input& input, const std::string& what) {
  struct stat found {};
  if (::fstat(input.fd, &found) != 0) {
    throw system_failure(kExitInvalid, "reading " + what + " from " + input.name + " failed");
  }
  return found;
}

// read_some reads up to len bytes; 0 is the end.
std::size_t read_some(const Input& input, std::uint8_t* out, std::size_t len,
                      const std::string& what) {
  for (;;) {
    const ssize_t got = ::read(input.fd, out, len);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EBADF) return 0;  // standard input is closed; see Process
    if (errno != EINTR) {
      throw system_failure(kExitUnavailable, "reading " + what + " from " + input.name + " failed");
    }
  }
}

// read_all reads to the end.
// room  a good guess of the length, plus one.
Secret read_all(const Input& input, std::size_t room, std::size_t max_len,
                const std::string& what) {
  Secret secret(std::min(room, max_len + 1));
  std::size_t len = 0;
  for (;;) {
    if (len == secret.size()) secret = copy_secret(secret.reveal(), std::min(2 * len, max_len + 1));
    const std::size_t got = read_some(input, secret.writable() + len, secret.size() - len, what);
    if (got == 0) break;
    len += got;
    if (len > max_len) {
      throw Failure(kExitTooLarge,
                    what + " in " + input.name + " is over " + std::to_string(max_len) + " bytes");
    }
  }
  secret.truncate(len);
  return secret;
}

Secret read_input(const Input& input, std::size_t max_len, const std::string& what) {
  const struct stat found = look_at(input, what);
  const bool sized = S_ISREG(found.st_mode) && found.st_size > 0;
  return read_all(input, sized ? static_cast<std::size_t>(found.st_size) + 1 : kFirstLen, max_len,
                  what);
}

}  // namespace

bool begins_with_mark(std::string_view text) noexcept {
  return text.starts_with("\xEF\xBB\xBF");
}

void refuse_mark(std::string_view text, const std::string& what) {
  if (begins_with_mark(text)) throw Failure(kExitInvalid, what + " " + kMarkAdvice);
}

void refuse_marked_file(const std::string& file, const std::string& what) {
  const UniqueFd opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  std::array<char, 3> begin{};
  if (!opened || ::read(opened.get(), begin.data(), begin.size()) < 3) return;
  refuse_mark({begin.data(), begin.size()}, what + " '" + file + "'");
}

Secret copy_secret(std::string_view from, std::size_t len) {
  Secret copy(len);
  if (!from.empty()) std::memcpy(copy.writable(), from.data(), std::min(from.size(), len));
  return copy;
}

Secret read_secret(const std::string& file, std::size_t max_len, const std::string& what) {
  return read_input(open_input(file, what), max_len, what);
}

Secret read_secret_text(const std::string& file, std::size_t max_len, const std::string& what) {
  const Input input = open_input(file, what);
  Secret text = read_input(input, max_len, what);
  refuse_mark(text.reveal(), what + " in " + input.name);
  return text;
}

Secret read_private(const std::string& file, std::size_t max_len, const std::string& what) {
  const Input input = open_input(file, what);
  const struct stat found = look_at(input, what);
  if (S_ISREG(found.st_mode) && (found.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    throw Failure(kExitDenied,
                  what + " '" + file + "' is open to others; run: chmod 600 '" + file + "'");
  }
  Secret text = read_input(input, max_len, what);
  refuse_mark(text.reveal(), what + " " + input.name);
  return text;
}

Secret read_key_file(const std::string& file) {
  return read_private(file, kMaxKeyFileLen, "the key file");
}

Secret take_argument(char* argument) {
  const std::size_t len = std::strlen(argument);
  Secret secret = copy_secret({argument, len}, len);
  ::explicit_bzero(argument, len);
  return secret;
}

}  // namespace strongroom_cli
