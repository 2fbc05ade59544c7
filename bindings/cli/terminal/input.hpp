// input.hpp: reading secrets in: from files and standard input, straight into locked memory.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "strongroom_abi.hpp"

namespace strongroom_cli {

// The largest message of Mesos in JSON that is read: the limit of strongroom.h.
inline constexpr std::size_t kMaxMessageLen = std::size_t{3} << 19;

// kMarkAdvice follows the name of a text that begins with a byte order mark (U+FEFF in UTF-8).
inline constexpr const char* kMarkAdvice = "begins with a byte order mark (BOM); save it without";

bool begins_with_mark(std::string_view text) noexcept;

// refuse_mark throws Failure for a text that begins with a byte order mark, which editors do not show:
// what reads it next would say something vague about the first line.
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

// read_private is read_secret_text for what nobody else may read: a file that others may read is
// refused, with the chmod to run.
strongroom_abi::Secret read_private(const std::string& file, std::size_t max_len,
                                    const std::string& what);

// read_key_file reads a key file, as read_private does.
strongroom_abi::Secret read_key_file(const std::string& file);

// take_argument moves an argument of the command line into locked memory and overwrites it where it
// was, so that /proc/PID/cmdline no longer shows it.
strongroom_abi::Secret take_argument(char* argument);

// copy_secret returns len bytes of locked memory that begin with the bytes of from.
strongroom_abi::Secret copy_secret(std::string_view from, std::size_t len);

}  // namespace strongroom_cli
