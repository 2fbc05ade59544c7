// input.hpp: reading secrets in: from files and standard input, straight into locked memory.
#pragma once

#include <cstddef>
#include <string>

#include "strongroom_abi.hpp"

namespace strongroom_cli {

// The largest message of Mesos in JSON that is read: the limit of strongroom.h.
inline constexpr std::size_t kMaxMessageLen = std::size_t{3} << 19;

// read_secret reads a file to its end; "-" is standard input.
//
// max_len  more than that is refused, before it is all read.
// what     names the input in messages: "the value".
strongroom_abi::Secret read_secret(const std::string& file, std::size_t max_len,
                                   const std::string& what);

// read_private is read_secret for what nobody else shall read: a file that others may read is
// refused, with the chmod to run.
strongroom_abi::Secret read_private(const std::string& file, std::size_t max_len,
                                    const std::string& what);

// read_key_file reads a key file, as read_private.
strongroom_abi::Secret read_key_file(const std::string& file);

// take_argument moves an argument of the command line into locked memory and overwrites it where it
// stood, so that it leaves /proc/PID/cmdline.
strongroom_abi::Secret take_argument(char* argument);

// copy_secret gives len bytes of locked memory that begin with what is in from.
strongroom_abi::Secret copy_secret(std::string_view from, std::size_t len);

}  // namespace strongroom_cli
