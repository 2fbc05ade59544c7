// output.hpp: what goes to standard output and standard error, and how.
//
// Everything is written with write(2), and every error is noticed. Secrets pass through locked
// memory alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "strongroom_abi.hpp"

namespace strongroom_cli {

// write_all writes to a descriptor, whatever it takes. what names it in the Failure.
void write_all(int fd, std::string_view bytes, const std::string& what);

// print writes to standard output what is no secret.
void print(std::string_view text);

// print_done writes what there is to say of a change that took effect. Where it cannot be written (a full
// disk, a closed pipe), standard error says so, and the command still succeeds: its exit status is that of
// the change.
void print_done(std::string_view text) noexcept;

// complain writes one line "strongroom: ..." to standard error; control characters are quoted.
void complain(std::string_view message) noexcept;

// time_text gives milliseconds since 1970 as RFC 3339 has it: 2024-02-29T12:00:00.123Z.
std::string time_text(std::uint64_t ms);

// json_text gives a JSON string, with its quotes, of what is no secret.
std::string json_text(std::string_view text);

// hex_text gives lower-case hex of what is no secret.
std::string hex_text(std::string_view bytes);

// SecretOutput writes to standard output what holds secrets. Call flush at the end.
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

// show_secret writes a secret's bytes to standard output: exactly those when it is no terminal or
// raw is set. A terminal gets text alone, and a newline where the text ends in none.
void show_secret(std::string_view bytes, bool raw);

// well_formed_text tells whether bytes are UTF-8 without control characters other than tab, line
// feed and carriage return: what a terminal may be shown.
bool well_formed_text(std::string_view bytes) noexcept;

}  // namespace strongroom_cli
