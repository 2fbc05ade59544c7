// input.cpp: reading; see input.hpp.
#include "terminal/input.hpp"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "store/failure.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Secret;

constexpr std::size_t kFirstLen = 16384;
constexpr std::size_t kMaxKeyFileLen = 4096;
constexpr long kPipes = 0x50495045;  // PIPEFS_MAGIC: pipe(2), and not a FIFO with a name

int patience_ms = 10'000;

bool is_kind(int fd, mode_t kind) {
  struct stat found {};
  return ::fstat(fd, &found) == 0 && (found.st_mode & S_IFMT) == kind;
}

// is_utf16 also recognizes UTF-16 without a mark that begins with an ASCII character. A binary OpenPGP key does
// not look like that: its first byte is not ASCII.
bool is_utf16(std::string_view text) noexcept {
  if (text.size() < 2) return false;
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) return true;
  const auto is_ascii = [](char c) { return c != '\0' && (c & 0x80) == 0; };
  return (text[0] == '\0' && is_ascii(text[1])) || (is_ascii(text[0]) && text[1] == '\0');
}

// read_all reads to the end.
// room  a good guess of the length, plus one.
Secret read_all(Input& input, std::size_t room, std::size_t max_len) {
  Secret secret(std::min(room, max_len + 1));
  std::size_t len = 0;
  for (;;) {
    if (len == secret.size()) secret = copy_secret(secret.reveal(), std::min(2 * len, max_len + 1));
    const std::size_t got = input.read(secret.writable() + len, secret.size() - len);
    if (got == 0) break;
    len += got;
    if (len > max_len) throw input.too_large(max_len);
  }
  secret.truncate(len);
  return secret;
}

Secret read_input(Input& input, std::size_t max_len) {
  input.refuse_size(max_len);
  struct stat found {};
  const bool sized =
      ::fstat(input.fd(), &found) == 0 && S_ISREG(found.st_mode) && found.st_size > 0;
  return read_all(input, sized ? static_cast<std::size_t>(found.st_size) + 1 : kFirstLen, max_len);
}

}  // namespace

void set_input_patience(std::uint32_t timeout_ms) noexcept {
  if (timeout_ms != 0) patience_ms = static_cast<int>(timeout_ms);
}

// Without O_NONBLOCK, opening a FIFO waits for a writer for ever.
Input::Input(const std::string& file, std::string what)
    : fd_(STDIN_FILENO), name_("standard input"), what_(std::move(what)) {
  if (file == "-") return;
  name_ = "'" + file + "'";
  owned_ = UniqueFd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  fd_ = owned_.get();
  refuse_kind(file);
  struct statfs system {};
  awaits_writer_ =
      is_kind(fd_, S_IFIFO) && (::fstatfs(fd_, &system) != 0 || system.f_type != kPipes);
  if (!awaits_writer_) ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) & ~O_NONBLOCK);
}

void Input::refuse_kind(const std::string& file) {
  if (!owned_) {
    const int error = errno;
    struct stat found {};
    if (error == ENXIO && ::stat(file.c_str(), &found) == 0 && S_ISSOCK(found.st_mode))
      throw fault("it is a socket");
    errno = error;
    throw failed(kExitInvalid);
  }
  if (is_kind(fd_, S_IFDIR)) throw fault("it is a directory");
  if (::isatty(fd_) != 0) throw fault("it is a terminal");
}

Failure Input::fault(const std::string& why) const {
  return {kExitInvalid, "reading " + what_ + " from " + name_ + " failed: " + why};
}

Failure Input::failed(int exit_status) const {
  return system_failure(exit_status, "reading " + what_ + " from " + name_ + " failed");
}

// await_writer waits until the FIFO has bytes, or had a writer that is gone again: then it is empty.
void Input::await_writer() {
  pollfd waiting{fd_, POLLIN, 0};
  if (::poll(&waiting, 1, patience_ms) > 0 && (waiting.revents & POLLHUP) != 0)
    awaits_writer_ = false;
}

// A read from a FIFO ends at once where no process has it open for writing, and with EAGAIN where one has.
std::size_t Input::read(std::uint8_t* out, std::size_t len) {
  for (bool patient = true;;) {
    const ssize_t got = ::read(fd_, out, len);
    if (got == 0 && awaits_writer_) {
      if (!std::exchange(patient, false)) throw fault("it is a FIFO, and no process writes to it");
      await_writer();
      continue;
    }
    if (got < 0 && errno == EINTR) continue;
    awaits_writer_ = false;
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EBADF) return 0;  // standard input is closed; see Process
    if (errno != EAGAIN) throw failed(kExitUnavailable);
    pollfd waiting{fd_, POLLIN, 0};
    ::poll(&waiting, 1, -1);
  }
}

void Input::refuse_size(std::size_t max_len) const {
  struct stat found {};
  if (::fstat(fd_, &found) != 0 || !S_ISREG(found.st_mode)) return;
  if (found.st_size > 0 && static_cast<std::size_t>(found.st_size) > max_len)
    throw too_large(max_len);
}

Failure Input::too_large(std::size_t max_len) const {
  return {kExitTooLarge, what_ + " in " + name_ + " is over " + std::to_string(max_len) + " bytes"};
}

bool begins_with_mark(std::string_view text) noexcept {
  return text.starts_with("\xEF\xBB\xBF");
}

void refuse_mark(std::string_view text, const std::string& what) {
  if (begins_with_mark(text)) throw Failure(kExitInvalid, what + " " + kMarkAdvice);
  if (is_utf16(text)) throw Failure(kExitInvalid, what + " is UTF-16; save it as UTF-8");
}

void refuse_marked_file(const std::string& file, const std::string& what) {
  const UniqueFd opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  std::array<char, 3> begin{};
  if (!is_kind(opened.get(), S_IFREG)) return;
  const ssize_t got = ::read(opened.get(), begin.data(), begin.size());
  if (got > 0) refuse_mark({begin.data(), static_cast<std::size_t>(got)}, what + " '" + file + "'");
}

Secret copy_secret(std::string_view from, std::size_t len) {
  Secret copy(len);
  if (!from.empty()) std::memcpy(copy.writable(), from.data(), std::min(from.size(), len));
  return copy;
}

Secret read_secret(const std::string& file, std::size_t max_len, const std::string& what) {
  Input input(file, what);
  return read_input(input, max_len);
}

Secret read_secret_text(const std::string& file, std::size_t max_len, const std::string& what) {
  Input input(file, what);
  Secret text = read_input(input, max_len);
  refuse_mark(text.reveal(), what + " in " + input.name());
  return text;
}

Secret read_private(const std::string& file, std::size_t max_len, const std::string& what,
                    PrivateRule rule) {
  Input input(file, what);
  refuse_exposed(input.fd(), file, what, rule);
  Secret text = read_input(input, max_len);
  refuse_mark(text.reveal(), what + " " + input.name());
  return text;
}

Secret read_key_file(const std::string& file, PrivateRule rule) {
  return read_private(file, kMaxKeyFileLen, "the key file", rule);
}

Secret take_argument(char* argument) {
  const std::size_t len = std::strlen(argument);
  Secret secret = copy_secret({argument, len}, len);
  ::explicit_bzero(argument, len);
  return secret;
}

}  // namespace strongroom_cli
