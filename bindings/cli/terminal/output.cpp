// output.cpp: writing; see output.hpp.
#include "terminal/output.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "store/failure.hpp"
#include "terminal/terminal.hpp"

namespace strongroom_cli {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// escape_json passes the bytes of a JSON string to put, one by one.
template <typename Put>
void escape_json(std::string_view utf8, Put put) {
  const auto escape = [&](char c) {
    put('\\');
    put(c);
  };
  put('"');
  for (const char c : utf8) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      escape(c);
    } else if (c == '\n') {
      escape('n');
    } else if (c == '\r') {
      escape('r');
    } else if (c == '\t') {
      escape('t');
    } else if (byte < 0x20 || byte == 0x7F) {
      escape('u');
      put('0');
      put('0');
      put(kHex[byte >> 4]);
      put(kHex[byte & 0xF]);
    } else {
      put(c);
    }
  }
  put('"');
}

// utf8_length returns how many bytes the first character takes, or 0 when it is not a character
// (Unicode 15, table 3-7).
std::size_t utf8_length(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char c = at(0);
  if (c < 0x80) return 1;
  const std::size_t len = c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
  if (len == 0 || text.size() < len) return 0;
  for (std::size_t i = 1; i < len; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  if ((c == 0xE0 && at(1) < 0xA0) || (c == 0xED && at(1) > 0x9F)) return 0;
  if ((c == 0xF0 && at(1) < 0x90) || (c == 0xF4 && at(1) > 0x8F)) return 0;
  return len;
}

bool is_control(std::string_view character) noexcept {
  const auto c = static_cast<unsigned char>(character[0]);
  if (character.size() == 2 && c == 0xC2) return static_cast<unsigned char>(character[1]) < 0xA0;
  return c < 0x20 || c == 0x7F;
}

char32_t code_point(std::string_view character) noexcept {
  const auto c = static_cast<unsigned char>(character[0]);
  const std::size_t len = character.size();
  char32_t code = len == 1 ? c : c & (0xFFU >> (len + 1));
  for (const char next : character.substr(1)) code = code << 6 | (next & 0x3F);
  return code;
}

// is_hidden reports characters that a terminal does not show, or that change the order or the lines of what it
// shows: Default_Ignorable_Code_Point of Unicode 15 (which has all of Bidi_Control), the separators of lines
// and paragraphs, and the marks of interlinear notes.
bool is_hidden(std::string_view character) noexcept {
  struct Range {
    char32_t first, last;
  };
  constexpr std::array kHidden = {
      Range{0xAD, 0xAD},       Range{0x34F, 0x34F},     Range{0x61C, 0x61C},
      Range{0x115F, 0x1160},   Range{0x17B4, 0x17B5},   Range{0x180B, 0x180F},
      Range{0x200B, 0x200F},   Range{0x2028, 0x202E},   Range{0x2060, 0x206F},
      Range{0x3164, 0x3164},   Range{0xFE00, 0xFE0F},   Range{0xFEFF, 0xFEFF},
      Range{0xFFA0, 0xFFA0},   Range{0xFFF0, 0xFFFB},   Range{0x1BCA0, 0x1BCA3},
      Range{0x1D173, 0x1D17A}, Range{0xE0000, 0xE0FFF},
  };
  const char32_t code = code_point(character);
  return std::any_of(kHidden.begin(), kHidden.end(),
                     [&](Range range) { return range.first <= code && code <= range.last; });
}

// try_write_all returns 0 or an errno.
int try_write_all(int fd, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : EIO;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace

void write_all(int fd, std::string_view bytes, const std::string& what) {
  const int error = try_write_all(fd, bytes);
  if (error != 0) throw system_failure(kExitUnavailable, "writing to " + what + " failed", error);
}

void print(std::string_view text) {
  const int error = try_write_all(STDOUT_FILENO, text);
  if (error == EPIPE) throw Interrupted{SIGPIPE};
  if (error == 0) return;
  throw system_failure(kExitUnavailable, "writing to standard output failed", error);
}

void print_done(std::string_view text) noexcept try {
  print(text);
} catch (const std::exception& error) {
  complain("the change took effect, but " + std::string(error.what()));
} catch (const Interrupted&) {  // nobody reads, as in `rotate | true`
}

std::string printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const std::size_t len = utf8_length(text);
    const std::string_view character = text.substr(0, len == 0 ? 1 : len);
    if (len == 0 || is_control(character) || is_hidden(character)) {
      for (const char c : character) {
        const auto byte = static_cast<unsigned char>(c);
        shown += {'\\', 'x', kHex[byte >> 4], kHex[byte & 0xF]};
      }
    } else {
      shown += character;
    }
    text.remove_prefix(character.size());
  }
  return shown;
}

std::string name_text(std::string_view name) {
  return ::isatty(STDOUT_FILENO) != 0 ? printable(name) : std::string(name);
}

void complain(std::string_view message) noexcept try {
  write_all(STDERR_FILENO, "strongroom: " + printable(message) + "\n", "standard error");
} catch (const std::exception&) {  // nobody is left to report to
}

std::string time_text(std::uint64_t ms) {
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 64> day{};
  std::strftime(day.data(), day.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  const std::string fraction = std::to_string(1000 + ms % 1000);
  return std::string(day.data()) + "." + fraction.substr(1) + "Z";
}

std::string json_text(std::string_view text) {
  std::string json;
  escape_json(text, [&](char c) { json += c; });
  return json;
}

std::string hex_text(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += {kHex[byte >> 4], kHex[byte & 0xF]};
  }
  return hex;
}

void SecretOutput::text(std::string_view bytes) {
  for (const char c : bytes) byte(c);
}

void SecretOutput::json_string(std::string_view utf8) {
  escape_json(utf8, [this](char c) { byte(c); });
}

void SecretOutput::base64(std::string_view bytes) {
  while (!bytes.empty()) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      byte(i <= bytes.size() ? kBase64[group >> (18 - 6 * i) & 0x3F] : '=');
    }
    bytes.remove_prefix(bytes.size() < 3 ? bytes.size() : 3);
  }
}

void SecretOutput::flush() {
  const std::size_t len = std::exchange(len_, 0);
  print(buffer_.reveal().substr(0, len));
}

void show_secret(std::string_view bytes, bool raw) {
  if (raw || ::isatty(STDOUT_FILENO) == 0) return print(bytes);
  if (!well_formed_text(bytes)) {
    throw Failure(kExitInvalid,
                  "the secret has bytes that must not be sent to a terminal; send them elsewhere, "
                  "or give --raw");
  }
  print(bytes);
  if (!bytes.ends_with('\n')) print("\n");
}

bool is_utf8(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const std::size_t len = utf8_length(bytes);
    if (len == 0) return false;
    bytes.remove_prefix(len);
  }
  return true;
}

bool well_formed_text(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const std::size_t len = utf8_length(bytes);
    if (len == 0) return false;
    const char c = bytes.front();
    if (is_control(bytes.substr(0, len)) && c != '\n' && c != '\t' && c != '\r') return false;
    bytes.remove_prefix(len);
  }
  return true;
}

}  // namespace strongroom_cli
