// placeholder.hpp: what `run` makes in a directory that others use too, in a way that a later run knows it.
//
// A killed run leaves its placeholders, and runs in one directory share them. The last run that uses one
// removes it, so a run must be sure that another run made it. These are the signs:
//
//   a file or directory  belongs to this user and has an extended attribute that contains its own inode number,
//                        so that a copy with all attributes is not one. A file is empty and has one name.
//   a symbolic link      belongs to this user, leads to /proc/self/fd/N, and next to it is an empty file of this
//                        user, named after the link's inode number: .strongroom-run-INODE
//
// Another user cannot make any of them, and nothing is followed. Where there are no extended attributes, only the
// run that made a file or directory knows it. A lock (flock) on the file, or next to the link, says that it
// is in use; it ends with its process, even by SIGKILL.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <string>

#include "terminal/unique_fd.hpp"

namespace strongroom_cli {

// FileId identifies a file, to notice that a path leads to another one by now.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const FileId&, const FileId&) = default;
};

inline FileId id_of(const struct stat& file) noexcept {
  return {file.st_dev, file.st_ino};
}

// leads_to reports whether a name in a folder is that file.
bool leads_to(int folder, const std::string& name, const FileId& id) noexcept;

// mark makes the open file or directory known to later runs, where the file system can keep the sign.
void mark(int fd) noexcept;

// is_marked reports whether the open file or directory has the sign.
bool is_marked(int fd) noexcept;

// remove_unused_file removes an empty file that no run uses.
// made  whether this run made it; else it must have the sign.
// lock  the file, open, perhaps with this run's own shared lock, which ends.
bool remove_unused_file(int folder, const std::string& name, const UniqueFd& lock,
                        bool made) noexcept;

// remove_empty_folder removes one that has the sign, or that this run made.
void remove_empty_folder(int folder, const std::string& name, const FileId& made) noexcept;

// Link is a symbolic link to /proc/self/fd/N, and this run's lock next to it.
struct Link {
  FileId id;
  int number = 0;
  UniqueFd lock;
};

// make_link makes a link, and the file next to it, where nothing is yet.
// Returns  a Link without a lock, and errno, if it could not: EEXIST if something is there already.
Link make_link(int folder, const std::string& name, int number);

// share_link uses a link of another run.
// Returns  a Link without a lock if that is none, or a run is just ending.
Link share_link(int folder, const std::string& name);

// may_be_of_runs reports whether a name is a link as runs make it; the file next to it may be missing.
bool may_be_of_runs(int folder, const std::string& name) noexcept;

// remove_unused_link removes a link that no run uses, and the file next to it.
// lock  see remove_unused_file.
bool remove_unused_link(int folder, const std::string& name, const UniqueFd& lock) noexcept;

// remove_leftover removes what a killed run left at this name.
// Returns  whether it is gone.
bool remove_leftover(int folder, const std::string& name);

}  // namespace strongroom_cli
