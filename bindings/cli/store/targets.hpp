// targets.hpp: the places on the host where the files of a command go, and their removal.
//
// A relative path starts at the working directory, which is the command's sandbox: missing
// directories and an empty file are made there, and no step of the path may be a symbolic link, so
// that nothing outside is ever touched. An absolute path must be a file already, as in Mesos.
// What was made is removed again, and nothing else: not what others filled, not what another run
// still uses.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "terminal/unique_fd.hpp"

namespace strongroom_cli {

// SecretFile is one file that the command shall see. The bytes are borrowed.
struct SecretFile {
  std::string path;
  bool read_only = true;
  std::span<const std::uint8_t> content;
};

// FileId tells whether two looks at a path met the same file.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const FileId&, const FileId&) = default;
};

// open_target opens, as O_PATH, the file that path names; see above for what it refuses.
// id  what it was found to be.
UniqueFd open_target(const std::string& path, FileId& id);

class Targets {
 public:
  Targets() = default;
  Targets(const Targets&) = delete;
  Targets& operator=(const Targets&) = delete;
  ~Targets() { remove(); }

  // add_file makes sure that there is a file to mount over.
  FileId add_file(const std::string& path);

  // add_link puts a symbolic link there, where nothing may be yet.
  void add_link(const std::string& path, const std::string& leads_to);

  // remove takes away what the others made, the last first.
  void remove() noexcept;

 private:
  struct Made {
    UniqueFd folder;
    std::string name;
    FileId id;
    UniqueFd in_use;  // a file's: holds a shared lock as long as this run uses it
    mode_t kind;
  };

  UniqueFd make_folders(const std::string& path, std::string& last);
  void remember(const UniqueFd& folder, const std::string& name);
  UniqueFd lock_shared(const UniqueFd& folder, const std::string& name);

  std::vector<Made> made_;
  std::vector<UniqueFd> in_use_;  // locks on files that were there before
};

}  // namespace strongroom_cli
