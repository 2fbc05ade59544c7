// backup_commands.cpp: backup, backup-verify, restore.
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "commands/groups.hpp"
#include "store/access.hpp"
#include "syntax/common_options.hpp"
#include "syntax/table.hpp"
#include "terminal/files.hpp"
#include "terminal/input.hpp"
#include "terminal/output.hpp"
#include "terminal/progress.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Progress;

constexpr Option kBackupOut =
    argument("FILE", Kind::new_file, "Where to write it, '-' for standard output");
constexpr Option kBackupIn = argument("FILE", Kind::file, "The backup, '-' for standard input");

std::string_view store_id(const strongroom_backup_info& info) {
  return {reinterpret_cast<const char*>(info.store_id), sizeof info.store_id};
}

std::string report_of(const strongroom_backup_info& info, bool json, const std::string& what) {
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
  explicit BackupInput(const std::string& name) : input_(checked(name), "the backup") {}

  strongroom_abi::BackupSource source() {
    return [this](std::uint8_t* bytes, std::size_t len) { return input_.read(bytes, len); };
  }

  const std::string& name() const noexcept { return input_.name(); }

  // can_be_read_twice is true for files, which rewind sets back to their beginning.
  bool can_be_read_twice() const {
    struct stat found {};
    return ::fstat(input_.fd(), &found) == 0 && S_ISREG(found.st_mode) &&
           ::lseek(input_.fd(), 0, SEEK_CUR) == 0;
  }
  void rewind() const {
    if (::lseek(input_.fd(), 0, SEEK_SET) == 0) return;
    throw system_failure(kExitUnavailable, "reading the backup " + input_.name() + " failed");
  }

 private:
  static const std::string& checked(const std::string& name) {
    if (name != "-" || ::isatty(STDIN_FILENO) == 0) return name;
    throw Failure(kExitUsage, "a backup cannot be read from the terminal; name a file");
  }

  Input input_;
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

strongroom_backup_info check(BackupInput& input) {
  ProgressLine progress("Checking", ProgressLine::Unit::bytes);
  try {
    return strongroom_abi::backup_verify(input.source(), progress.callback());
  } catch (const strongroom_abi::Error& error) {
    throw Failure(10 + error.status(), input.name() + ": " + error.what());
  }
}

int run_backup(const Options& options) {
  const std::string name = options.text(kBackupOut);
  const bool to_output = name == "-";
  if (to_output && ::isatty(STDOUT_FILENO) != 0) {
    throw Failure(kExitUsage, "a backup cannot be written to the terminal; name a file");
  }
  Access access = open_sealed(options);
  strongroom_backup_info info = STRONGROOM_BACKUP_INFO_INIT;
  {
    ProgressLine progress("Backing up", ProgressLine::Unit::bytes);
    if (to_output) return backup_to_output(access, progress.callback());
    PartFile file(name, "the backup");
    info = access.session.backup(
        [&](std::string_view bytes) {
          file.append(bytes);
          return true;
        },
        progress.callback());
    file.finish();
  }
  print_done(report_of(info, options.has(kJson), "Wrote"));
  return kExitOk;
}

int run_backup_verify(const Options& options) {
  BackupInput input(options.text(kBackupIn));
  print(report_of(check(input), options.has(kJson), "Good:"));
  return kExitOk;
}

// A file is checked as a whole first, so that a bad one leaves nothing behind. A pipe cannot be checked
// first; there, what was written before the fault is not a store.
int run_restore(const Options& options) {
  BackupInput input(options.text(kBackupIn));
  if (input.can_be_read_twice()) {
    check(input);
    input.rewind();
  }
  Access access = open_sealed(options, true);
  strongroom_backup_info info = STRONGROOM_BACKUP_INFO_INIT;
  {
    ProgressLine progress("Restoring", ProgressLine::Unit::bytes);
    info = access.session.restore(input.source(), progress.callback());
  }
  print_done(report_of(info, options.has(kJson), "Restored"));
  return kExitOk;
}

}  // namespace

constexpr const char* kBackupHelp =
    R"(One file of sealed envelopes, as of one point in time, while the store is in use. It needs no
credential to make, check or restore; the store's credentials of that time open what was restored.
FILE is replaced only when the new backup is whole.

Examples:
  strongroom backup /mnt/backups/app.strongroom
  strongroom backup - | ssh elsewhere 'cat >app.strongroom')";

const Command backup_command("backup", kBackupsGroup, "Write a backup", kBackupHelp,
                             {&kBackupOut, &kJson}, run_backup);

constexpr const char* kBackupVerifyHelp =
    R"(Reads a backup to its end; damage is reported with its place. Needs no store and no credential.

Examples:
  strongroom backup-verify /mnt/backups/app.strongroom
  ssh elsewhere cat app.strongroom | strongroom backup-verify -)";

const Command backup_verify_command("backup-verify", kBackupsGroup, "Check that a backup is whole",
                                    kBackupVerifyHelp, {&kBackupIn, &kJson}, run_backup_verify,
                                    Needs::perhaps_store);

constexpr const char* kRestoreHelp =
    R"(Puts a backup into a storage without a store. There is no store until the end; when it was
stopped, run it again. Its credentials are those of the time of the backup.

Examples:
  strongroom --store lmdb:/var/lib/app/secrets restore /mnt/backups/app.strongroom)";

const Command restore_command("restore", kBackupsGroup, "Make a store from a backup", kRestoreHelp,
                              {&kBackupIn, &kJson}, run_restore);

}  // namespace strongroom_cli
