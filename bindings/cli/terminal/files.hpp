// files.hpp: making files that are whole on the disk, or absent.
#pragma once

#include <string>
#include <string_view>

#include "strongroom_abi.hpp"
#include "terminal/leftovers.hpp"
#include "terminal/unique_fd.hpp"

namespace strongroom_cli {

// NewFile is a file of mode 0600 that did not exist before. When its constructor returns, the bytes
// and the name are on the disk. The file is removed again unless keep is called, also when a signal ends the
// process.
class NewFile {
 public:
  // what    names it in messages: "the key file".
  // Throws  Failure: it exists already, or the system's words.
  NewFile(std::string name, const std::string& what, std::string_view bytes);
  NewFile(NewFile&&) noexcept = default;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  const std::string& name() const noexcept { return name_; }
  void keep() noexcept;

 private:
  void remove() noexcept;

  std::string name_;
  UniqueFd file_;  // open as long as it is to be removed
  Leftover leftover_;
};

// PartFile is written as NAME.part, mode 0600, and becomes NAME when it is whole and on the disk;
// the file that had that name before is replaced only then. Otherwise it is removed, also when a signal ends the
// process. Two processes do not mix their bytes.
class PartFile {
 public:
  PartFile(std::string name, std::string what);
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  ~PartFile();

  void append(std::string_view bytes) const;
  void finish();

 private:
  void open_locked();
  bool open_part();
  void remove() noexcept;

  std::string name_;
  std::string part_;
  std::string what_;
  UniqueFd file_;
  Leftover leftover_;
};

// refuse_beside_data throws Failure when a file would be inside the directory of the store: every copy of
// the store would contain its key.
void refuse_beside_data(const std::string& file, const std::string& what,
                        const strongroom_abi::Report& report);

// settle_output syncs standard output to the disk, if it is a file.
void settle_output();

}  // namespace strongroom_cli
