// targets.hpp: the places on the host for the files of a command, and their removal.
//
// A relative path starts at the working directory, which is the command's sandbox: missing
// directories and an empty file are made there, and no step of the path may be a symbolic link, so
// that nothing outside is ever touched. An absolute path must be a file already, as in Mesos.
// Only what was made here is removed again, and not if others wrote to it or another run still uses it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "terminal/unique_fd.hpp"

namespace strongroom_cli {

// SecretFile is one file that the command gets to see. The bytes are borrowed.
struct SecretFile {
  std::string path;
  bool read_only = true;
  std::span<const std::uint8_t> content;
};

// FileId identifies a file, to notice that a path leads to another one by now.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const FileId&, const FileId&) = default;
};

// open_target opens the file that path names with O_PATH; see above for what it refuses.
// id  receives its identity.
UniqueFd open_target(const std::string& path, FileId& id);

class Targets {
 public:
  Targets() = default;
  Targets(const Targets&) = delete;
  Targets& operator=(const Targets&) = delete;
  ~Targets() { remove(); }

  // add_file makes sure that there is a file to mount over.
  FileId add_file(const std::string& path);

  // add_link makes a symbolic link at a path where nothing is yet.
  void add_link(const std::string& path, const std::string& leads_to);

  // remove removes what was made, the last first.
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
