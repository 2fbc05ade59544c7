// input.hpp: reading secrets in: from files and standard input, straight into locked memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "store/failure.hpp"
#include "strongroom_abi.hpp"
#include "terminal/private_file.hpp"
#include "terminal/unique_fd.hpp"

namespace strongroom_cli {

// The largest message of Mesos in JSON that is read: the limit of strongroom.h.
inline constexpr std::size_t kMaxMessageLen = std::size_t{3} << 19;

// set_input_patience limits how long a FIFO that no process has opened for writing is waited for; 0: 10 s.
void set_input_patience(std::uint32_t timeout_ms) noexcept;

// Input is a file that is read, or standard input ("-"). Files, FIFOs and devices can be read, also what
// `<(command)` of a shell makes. Reading waits for a process that has a FIFO open, however long it takes;
// where there is none, only for the time of --timeout.
class Input {
 public:
  // what    names it in messages: "the key file".
  // Throws  Failure: the system's words, or it is a directory, a socket or a terminal.
  Input(const std::string& file, std::string what);

  // read reads up to len bytes; 0 is the end.
  std::size_t read(std::uint8_t* out, std::size_t len);

  // refuse_size throws too_large for a file that is longer, before anything is read.
  void refuse_size(std::size_t max_len) const;
  Failure too_large(std::size_t max_len) const;

  int fd() const noexcept { return fd_; }
  const std::string& name() const noexcept { return name_; }
  const std::string& what() const noexcept { return what_; }

 private:
  void refuse_kind(const std::string& file);
  void await_writer();
  Failure fault(const std::string& why) const;
  Failure failed(int exit_status) const;

  UniqueFd owned_;
  int fd_;
  std::string name_;
  std::string what_;
  bool awaits_writer_ = false;
};

// kMarkAdvice follows the name of a text that begins with a byte order mark (U+FEFF in UTF-8).
inline constexpr const char* kMarkAdvice = "begins with a byte order mark (BOM); save it without";

bool begins_with_mark(std::string_view text) noexcept;

// refuse_mark throws Failure for a text that begins with a byte order mark, which editors do not show, or that
// is UTF-16: what reads it next would say something vague about the first line.
// what  names the text: "the policy in 'web.json'".
void refuse_mark(std::string_view text, const std::string& what);

// refuse_marked_file is refuse_mark for a text file that the engine reads itself. Where it cannot be read,
// the engine says so.
void refuse_marked_file(const std::string& file, const std::string& what);

// read_secret reads a file to its end; "-" is standard input. One that is closed reads as an empty one.
//
// max_len  more than that is refused, before it is all read.
// what     names the input in messages: "the value".
strongroom_abi::Secret read_secret(const std::string& file, std::size_t max_len,
                                   const std::string& what);

// read_secret_text is read_secret for text: it refuses a byte order mark.
strongroom_abi::Secret read_secret_text(const std::string& file, std::size_t max_len,
                                        const std::string& what);

// read_private is read_secret_text for what nobody else may read: see private_file.hpp.
strongroom_abi::Secret read_private(const std::string& file, std::size_t max_len,
                                    const std::string& what, PrivateRule rule);

// read_key_file reads a key file, as read_private does.
strongroom_abi::Secret read_key_file(const std::string& file, PrivateRule rule);

// take_argument moves an argument of the command line into locked memory and overwrites it where it
// was, so that /proc/PID/cmdline no longer shows it.
strongroom_abi::Secret take_argument(char* argument);

// copy_secret returns len bytes of locked memory that begin with the bytes of from.
strongroom_abi::Secret copy_secret(std::string_view from, std::size_t len);

}  // namespace strongroom_cli
