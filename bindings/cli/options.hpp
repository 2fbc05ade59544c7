// options.hpp: what the user asked for, as the commands read it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace strongroom_cli {

enum class Command {
  init,
  status,
  unseal,
  seal,
  rotate,
  create,
  update,
  get,
  list,
  erase,
  resolve,
  run,
  completion,
};

// Source is where create and update have the value from.
enum class Source { standard_input, value, text_file, binary_file };

struct Options {
  Command command = Command::status;

  // all commands
  std::string store;
  std::string key_file;  // of the option, or of the environment
  std::vector<std::string> share_files;
  bool key_file_from_environment = false;
  std::uint32_t timeout_ms = 0;
  bool allow_unlocked = false;

  bool json = false;
  bool raw = false;

  // init
  std::uint32_t shares = 0;
  std::uint32_t threshold = 0;
  std::uint32_t max_secret_len = 0;

  // create, update, get, list, delete
  std::string path;
  Source source = Source::standard_input;
  std::string file;       // of create, update and resolve; "-" is standard input
  char* value = nullptr;  // a secret, still in argv
  std::string key;
  bool has_key = false;
  bool recursive = false;

  // run
  std::string environment_file;
  std::string volumes_file;
  bool no_namespace = false;
  std::vector<char*> program;  // and its arguments, without the closing null

  // completion
  std::string shell;
};

}  // namespace strongroom_cli
