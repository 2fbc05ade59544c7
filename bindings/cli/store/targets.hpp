// targets.hpp: the places on the host for the files of a command, and their removal.
//
// A relative path starts at the working directory, which is the command's sandbox: missing
// directories and an empty file are made there, and no step of the path may be a symbolic link, so
// that nothing outside is ever touched. An absolute path must be a file already, as in Mesos.
// Only what runs made is removed again (see placeholder.hpp), by the last run that uses it, and not if others
// wrote to it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "store/owner.hpp"
#include "store/placeholder.hpp"
#include "terminal/unique_fd.hpp"

namespace strongroom_cli {

// SecretFile is one file that the command gets to see. The bytes are borrowed.
struct SecretFile {
  std::string path;
  bool read_only = true;
  std::span<const std::uint8_t> content;
  mode_t mode = 0400;
  Owner owner;
};

// open_target opens the file that path names with O_PATH; see above for what it refuses.
// id  receives its identity.
UniqueFd open_target(const std::string& path, FileId& id);

// open_folder opens a folder of the working directory with O_PATH.
UniqueFd open_folder(const std::string& name);

class Targets {
 public:
  // passable  whether every user may pass through the directories that are made.
  explicit Targets(bool passable = false) : passable_(passable) {}
  Targets(const Targets&) = delete;
  Targets& operator=(const Targets&) = delete;
  ~Targets() { remove(); }

  // add_file makes sure that there is a file to mount over.
  FileId add_file(const std::string& path);

  // add_link makes a symbolic link to /proc/self/fd/N at a path where nothing is yet, or shares that of
  // another run.
  // number   N, if a link is made.
  // Returns  N of the link.
  int add_link(const std::string& path, int number);

  // remove removes what no other run uses, the last first.
  void remove() noexcept;

 private:
  // Used is a place on the way to a file, or the file. Whether a run made it is asked only in the end.
  struct Used {
    UniqueFd folder;
    std::string name;
    mode_t kind;
    UniqueFd lock;  // not of a folder
    FileId made;    // by this run
  };

  UniqueFd make_folders(const std::string& path, std::string& last);
  UniqueFd use_folder(const UniqueFd& at, const std::string& name, const std::string& path);
  bool use_file(const UniqueFd& folder, const std::string& name, const std::string& path);
  bool share_file(const UniqueFd& folder, const std::string& name, const std::string& path);
  void remember(const UniqueFd& folder, const std::string& name, mode_t kind, UniqueFd lock,
                const FileId& made);

  bool passable_;
  std::vector<Used> used_;
};

}  // namespace strongroom_cli
