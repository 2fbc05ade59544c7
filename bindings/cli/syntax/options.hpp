// options.hpp: what the user asked for, as the commands read it.
//
// Values stay where they are in argv until a command reads them: one that may be a secret is taken from
// there into locked memory, and never becomes a std::string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "child/process.hpp"
#include "store/failure.hpp"
#include "strongroom_abi.hpp"
#include "syntax/command.hpp"

namespace strongroom_cli {

class Options {
 public:
  const Command* command = nullptr;
  const Process* process = nullptr;  // what `run` undoes for its command
  std::vector<char*> program;        // of `run`, with its arguments and without the closing null

  // What all commands share, from the command line or from the environment.
  std::string store;
  std::string key_file;
  std::vector<std::string> share_files;
  std::vector<std::string> pgp_private_keys;
  std::string pgp_passphrase_file;
  bool escrowed = false;
  std::optional<strongroom_abi::Secret> environment_key;  // the value of STRONGROOM_KEY
  std::string anchor_file;
  std::string zk_auth_file;
  std::optional<strongroom_abi::Secret> zk_auth;  // the value of STRONGROOM_ZK_AUTH
  std::uint32_t timeout_ms = 0;
  bool allow_unlocked = false;
  bool allow_readable = false;  // key files that others can read

  // What a command has for itself is asked for by its option.
  bool has(const Option& option) const noexcept { return raw(option) != nullptr; }
  std::string text(const Option& option) const;                // empty when not given
  std::vector<std::string> texts(const Option& option) const;  // of one that may be given again
  std::uint32_t number(const Option& option) const;            // 0 when not given
  std::vector<std::uint32_t> numbers(const Option& option) const;
  double seconds(const Option& option) const;  // 0 when not given

  // raw returns the argument itself, or null. It may be a secret: see take_argument.
  char* raw(const Option& option) const noexcept;

  void add(const Option& option, char* value) { given_.emplace_back(&option, value); }

  // check_standard_input refuses to read standard input twice.
  // more  how many reads there are besides those that options name by "-".
  // Throws  Failure(kExitUsage).
  void check_standard_input(std::size_t more = 0) const;

  // check_rivals refuses options that exclude each other.
  void check_rivals() const;

  // check_store throws Failure(kExitUsage) where no store is named.
  void check_store() const;

  // usage makes a Failure that ends in a suggestion, or else in the help to read.
  Failure usage(const std::string& why) const;

 private:
  std::vector<std::pair<const Option*, char*>> given_;
};

// from_environment returns the value of a variable without secrets; empty where it is not set.
std::string from_environment(const char* name);

}  // namespace strongroom_cli
