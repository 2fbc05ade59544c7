// audit_file.hpp: one file of the audit log: appended to by whole lines only, with room made for them before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/chain.hpp"

namespace strongroomd {

// AuditFile is open for appending, and locked: one server writes to it at a time. The process must ignore SIGXFSZ,
// so that a limit on the size of files is an error like a full disk.
class AuditFile {
 public:
  // AuditFile opens a file, made with mode 0600 where it does not exist.
  // Throws  std::runtime_error with what to do: it is not private, a link, in use, ...
  explicit AuditFile(const std::string& path);

  // ~AuditFile gives room back that was not used.
  ~AuditFile();
  AuditFile(const AuditFile&) = delete;
  AuditFile& operator=(const AuditFile&) = delete;

  // Tail is how a file ends.
  struct Tail {
    strongroom_audit::Head head;
    std::string instance{};
    std::uint64_t cut_len = 0;  // of an unfinished line that was removed
    bool broken = false;        // its last line does not follow the one before
  };

  // repair_tail reads the last lines, and removes one that is unfinished.
  // Returns  nothing if the file has no line.
  // Throws   std::runtime_error: it is no audit log, or damaged. It is as it was then.
  std::optional<Tail> repair_tail();

  // append writes one or more lines.
  // Returns  false if it could not; nothing of them is in the file then, and error says why.
  bool append(std::string_view lines) noexcept;

  // has_room makes sure that so many bytes can be appended.
  bool has_room(std::size_t len) noexcept;

  // hash_at returns the hash of the line with that number, or the one that the first line follows.
  // Threads  any number at once, also next to append.
  // Returns  nothing if the file does not contain it.
  std::optional<strongroom_audit::Hash> hash_at(std::uint64_t seq) const;

  // first_previous returns what the first line of the file follows; nothing if that cannot be read.
  std::optional<strongroom_audit::Head> first_previous() const;

  // sync returns when all lines are on the disk, or false.
  bool sync() const noexcept;

  // is_named returns whether the file of that name is this one.
  bool is_named(const std::string& path) const noexcept;

  std::uint64_t size() const noexcept { return size_; }
  int error() const noexcept { return error_; }  // errno of the last failure

 private:
  void open_private(const std::string& path);
  std::uint64_t end_of_lines() const;
  Tail tail_before(std::uint64_t end) const;
  std::string read_at(std::uint64_t offset, std::size_t len) const;
  std::optional<strongroom_audit::Parsed> line_after(std::uint64_t offset, std::string& window,
                                                     std::uint64_t& start) const;
  bool cut_back() noexcept;
  bool grow(std::size_t len) noexcept;
  bool is_free(std::size_t len) noexcept;

  std::string path_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
  std::uint64_t reserved_ = 0;  // up to which offset there is room
  bool torn_ = false;           // a part of a line is behind size_
  int error_ = 0;
};

}  // namespace strongroomd
