// backup_commands.cpp: backup, backup-verify, restore.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "store/access.hpp"
#include "store/failure.hpp"
#include "syntax/commands.hpp"
#include "terminal/files.hpp"
#include "terminal/output.hpp"
#include "terminal/progress.hpp"
#include "terminal/unique_fd.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Progress;

std::string_view store_id(const strongroom_backup_info& info) {
  return {reinterpret_cast<const char*>(info.store_id), sizeof info.store_id};
}

std::string told(const strongroom_backup_info& info, bool json, const std::string& what) {
  if (json) {
    return "{\"created\":" + json_text(time_text(info.created_ms)) +
           ",\"generation\":" + std::to_string(info.generation) +
           ",\"records\":" + std::to_string(info.num_records) +
           ",\"size\":" + std::to_string(info.size_bytes) +
           ",\"store_id\":" + json_text(hex_text(store_id(info))) + "}\n";
  }
  return what + " " + std::to_string(info.num_records) + " records (" + size_text(info.size_bytes) +
         ") of store " + hex_text(store_id(info)) + " in generation " +
         std::to_string(info.generation) + ", backed up " + time_text(info.created_ms) + ".\n";
}

// BackupInput is a file or standard input.
class BackupInput {
 public:
  explicit BackupInput(const std::string& name) : name_("'" + name + "'") {
    if (name == "-") {
      if (::isatty(STDIN_FILENO) != 0) {
        throw Failure(kExitUsage, "a backup was to be read from the terminal; name a file");
      }
      name_ = "standard input";
      return;
    }
    owned_ = UniqueFd(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!owned_) throw system_failure(kExitInvalid, "reading the backup " + name_ + " failed");
    fd_ = owned_.get();
  }

  strongroom_abi::BackupSource source() const {
    return [this](std::uint8_t* bytes, std::size_t len) {
      for (;;) {
        const ssize_t got = ::read(fd_, bytes, len);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno == EINTR) continue;
        throw system_failure(kExitUnavailable, "reading the backup " + name_ + " failed");
      }
    };
  }

  // can_be_read_twice is true for files, which rewind sets back to their begin.
  bool can_be_read_twice() const {
    struct stat found {};
    return ::fstat(fd_, &found) == 0 && S_ISREG(found.st_mode) && ::lseek(fd_, 0, SEEK_CUR) == 0;
  }
  void rewind() const {
    if (::lseek(fd_, 0, SEEK_SET) == 0) return;
    throw system_failure(kExitUnavailable, "reading the backup " + name_ + " failed");
  }

 private:
  UniqueFd owned_;
  int fd_ = STDIN_FILENO;
  std::string name_;
};

int backup_to_output(Access& access, const Progress& progress) {
  access.session.backup(
      [](std::string_view bytes) {
        print(bytes);
        return true;
      },
      progress);
  settle_output();
  return kExitOk;
}

strongroom_backup_info check(const BackupInput& input) {
  ProgressLine progress("Checking", ProgressLine::Unit::bytes);
  return strongroom_abi::backup_verify(input.source(), progress.hear());
}

}  // namespace

int backup_command(const Options& options) {
  const bool to_output = options.file == "-";
  if (to_output && ::isatty(STDOUT_FILENO) != 0) {
    throw Failure(kExitUsage, "a backup was to be written to the terminal; name a file");
  }
  Access access = open_sealed(options);
  strongroom_backup_info info = STRONGROOM_BACKUP_INFO_INIT;
  {
    ProgressLine progress("Backing up", ProgressLine::Unit::bytes);
    if (to_output) return backup_to_output(access, progress.hear());
    PartFile file(options.file, "the backup");
    info = access.session.backup(
        [&](std::string_view bytes) {
          file.append(bytes);
          return true;
        },
        progress.hear());
    file.finish();
  }
  print_done(told(info, options.json, "Wrote"));
  return kExitOk;
}

int backup_verify_command(const Options& options) {
  const BackupInput input(options.file);
  print(told(check(input), options.json, "Good:"));
  return kExitOk;
}

// A file is looked at as a whole first, so that a wrong one leaves nothing behind. A pipe can not
// be; there, what was written before the fault is no store.
int restore_command(const Options& options) {
  const BackupInput input(options.file);
  if (input.can_be_read_twice()) {
    check(input);
    input.rewind();
  }
  Access access = open_sealed(options, true);
  strongroom_backup_info info = STRONGROOM_BACKUP_INFO_INIT;
  {
    ProgressLine progress("Restoring", ProgressLine::Unit::bytes);
    info = access.session.restore(input.source(), progress.hear());
  }
  print_done(told(info, options.json, "Restored"));
  return kExitOk;
}

}  // namespace strongroom_cli
