// output.hpp: what goes to standard output and standard error, and how.
//
// Everything is written with write(2), and every error is noticed. Secrets pass through locked
// memory only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "strongroom_abi.hpp"

namespace strongroom_cli {

// write_all writes all bytes to a descriptor.
// what  names it in the Failure.
void write_all(int fd, std::string_view bytes, const std::string& what);

// print writes text without secrets to standard output. Where a pipe has no reader any more, it throws
// Interrupted by SIGPIPE, so that the program ends as others do, but wipes its memory first.
void print(std::string_view text);

// print_done reports a change that took effect. Where that cannot be written, the command still succeeds:
// its exit status is that of the change. Standard error says so for a full disk, and not for a pipe that
// nobody reads.
void print_done(std::string_view text) noexcept;

// printable quotes as \xNN the bytes of a text that steer a terminal or mislead a reader: control characters,
// those that are not shown, those that change the direction of what follows, and what is not UTF-8.
std::string printable(std::string_view text);

// name_text returns a name for standard output: printable on a terminal, and else as it is.
std::string name_text(std::string_view name);

// complain writes one line "strongroom: ..." to standard error; it is printable.
void complain(std::string_view message) noexcept;

// time_text returns milliseconds since 1970 in the form of RFC 3339: 2024-02-29T12:00:00.123Z.
std::string time_text(std::uint64_t ms);

// json_text returns a text without secrets as a JSON string, with its quotes.
std::string json_text(std::string_view text);

// hex_text returns bytes without secrets in lower-case hex.
std::string hex_text(std::string_view bytes);

// SecretOutput writes text with secrets to standard output. Call flush at the end.
class SecretOutput {
 public:
  void text(std::string_view bytes);
  void json_string(std::string_view utf8);
  void base64(std::string_view bytes);
  void flush();

 private:
  static constexpr std::size_t kBufferLen = 16384;

  void byte(char c) {
    if (len_ == kBufferLen) flush();
    buffer_.writable()[len_++] = static_cast<std::uint8_t>(c);
  }

  strongroom_abi::Secret buffer_{kBufferLen};
  std::size_t len_ = 0;
};

// show_secret writes a secret's bytes to standard output: exactly those when it is not a terminal or
// raw is set. A terminal gets only text, and a newline where the text does not end in one.
void show_secret(std::string_view bytes, bool raw);

bool is_utf8(std::string_view bytes) noexcept;

// well_formed_text reports whether bytes are UTF-8 without control characters other than tab, line
// feed and carriage return: what a terminal may be sent.
bool well_formed_text(std::string_view bytes) noexcept;

}  // namespace strongroom_cli
