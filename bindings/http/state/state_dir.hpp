// state_dir.hpp: the directory of one server's own state, with a few small files that only it may read.
//
//   instance      the name of this server: 16 hex digits
//   intent        whether it should be sealed
//   operators     hashes of the tokens that are known while it is sealed
//   ...           see lifecycle.hpp, tokens.hpp and audit_log.hpp
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "strongroom_abi.hpp"

namespace strongroomd {

class StateDir {
 public:
  // StateDir opens a directory, made with mode 0700 where it does not exist, and holds it as long as it lives:
  // one server at a time.
  // Throws  std::runtime_error with what to do: another server uses it, others may write to it, ...
  explicit StateDir(const std::string& path);
  ~StateDir();
  StateDir(const StateDir&) = delete;
  StateDir& operator=(const StateDir&) = delete;

  const std::string& path() const noexcept { return path_; }
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }

  // read returns a file in locked memory, or nothing where there is none.
  // Throws  std::runtime_error: others may read it, it is longer than 1 MiB, or is no plain file.
  std::optional<strongroom_abi::Secret> read(const std::string& name) const;

  // write replaces a file as a whole (mode 0600): after a crash it has the old or the new content.
  // Throws  std::runtime_error; the old file is still there.
  void write(const std::string& name, std::string_view content) const;

  // remove deletes a file, if it is there.
  void remove(const std::string& name) const;

 private:
  std::string path_;
  int fd_ = -1;
};

}  // namespace strongroomd
