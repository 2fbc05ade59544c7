// init_command.cpp: making a store. The credentials are in safe hands before it exists: the key
// file is on the disk and the shares have left standard output, or there is no store.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "access.hpp"
#include "commands.hpp"
#include "failure.hpp"
#include "output.hpp"
#include "unique_fd.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Pending;

std::string folder_of(const std::string& file) {
  const std::size_t slash = file.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : file.substr(0, slash);
}

// KeyFile is a file that vanishes again unless it is kept.
class KeyFile {
 public:
  KeyFile(std::string name, std::string_view text) : name_(std::move(name)) {
    UniqueFd file(::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file && errno == EEXIST) {
      throw Failure(kExitAlreadyExists, "the key file '" + name_ +
                                            "' exists already, and was left alone; name another");
    }
    if (!file) throw trouble();
    made_ = true;
    try {
      if (::fchmod(file.get(), 0600) != 0) throw trouble();
      write_all(file.get(), text, "the key file '" + name_ + "'");
      write_all(file.get(), "\n", "the key file '" + name_ + "'");
      if (::fsync(file.get()) != 0) throw trouble();
      sync_folder();
    } catch (...) {
      remove();
      throw;
    }
  }
  KeyFile(const KeyFile&) = delete;
  KeyFile& operator=(const KeyFile&) = delete;
  ~KeyFile() { remove(); }

  void keep() noexcept { made_ = false; }

 private:
  Failure trouble() const {
    return system_failure(kExitUnavailable, "making the key file '" + name_ + "' failed");
  }

  void sync_folder() const {
    const UniqueFd folder(::open(folder_of(name_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || ::fsync(folder.get()) != 0) throw trouble();
  }

  void remove() noexcept {
    if (std::exchange(made_, false)) ::unlink(name_.c_str());
  }

  std::string name_;
  bool made_ = false;
};

strongroom_init_options init_options(const Options& options) {
  strongroom_init_options init = STRONGROOM_INIT_OPTIONS_INIT;
  init.key_file = options.key_file.empty() ? 0 : 1;
  init.shares = options.shares;
  if (init.shares == 0 && init.key_file == 0) init.shares = 1;
  init.threshold =
      options.threshold != 0 || init.shares == 0 ? options.threshold : init.shares / 2 + 1;
  init.max_secret_len = options.max_secret_len;
  return init;
}

void print_json(const Pending& pending, const std::string& key_file) {
  SecretOutput out;
  out.text("{\"store_id\":" + json_text(pending.store_id()) + ",\"keys\":[");
  for (std::size_t i = 0; i < pending.num_shares(); ++i) {
    if (i > 0) out.text(",");
    out.json_string(pending.reveal_share(i));
  }
  out.text("]");
  if (!key_file.empty()) out.text(",\"key_file\":" + json_text(key_file));
  out.text("}\n");
  out.flush();
}

std::string advice(std::size_t num_shares, unsigned threshold) {
  if (num_shares == 1)
    return "\nThis share opens the store. It is shown this once: keep it safe.\n";
  return "\nAny " + std::to_string(threshold) + " of these " + std::to_string(num_shares) +
         " shares open the store. They are shown this once: give each to another keeper.\n";
}

void print_text(const Pending& pending, unsigned threshold, const std::string& key_file) {
  SecretOutput out;
  out.text("Store id: " + std::string(pending.store_id()) + "\n");
  if (pending.num_shares() > 0) {
    out.text("\nShares:\n");
    for (std::size_t i = 0; i < pending.num_shares(); ++i) {
      out.text(pending.reveal_share(i));
      out.text("\n");
    }
    out.text(advice(pending.num_shares(), threshold));
  }
  if (!key_file.empty()) {
    out.text("\nKey file: " + key_file +
             "\nIt opens the store: keep it away from the store's backups.\n");
  }
  out.flush();
}

// settle_output gets credentials that went to a file onto the disk.
void settle_output() {
  struct stat out {};
  if (::fstat(STDOUT_FILENO, &out) != 0 || !S_ISREG(out.st_mode)) return;
  if (::fsync(STDOUT_FILENO) != 0) {
    throw system_failure(kExitUnavailable, "writing to standard output failed");
  }
}

void activate(strongroom_abi::Session& session, const Pending& pending, KeyFile* key_file) try {
  session.init_activate(pending);
} catch (const strongroom_abi::Error& error) {
  // The store may be there all the same, and then nothing else opens it.
  if (error.status() == STRONGROOM_INDETERMINATE && key_file != nullptr) key_file->keep();
  throw;
}

}  // namespace

int init_command(const Options& options) {
  const strongroom_init_options init = init_options(options);
  Access access = open_sealed(options, true);
  const Pending pending = access.session.init_prepare(init);
  std::optional<KeyFile> key_file;
  if (init.key_file != 0) key_file.emplace(options.key_file, pending.reveal_key_file());
  if (options.json) {
    print_json(pending, options.key_file);
  } else {
    print_text(pending, init.threshold, options.key_file);
  }
  settle_output();
  activate(access.session, pending, key_file ? &*key_file : nullptr);
  if (key_file) key_file->keep();
  if (!options.json) print("\nThe store is ready at " + std::string(access.report.url()) + ".\n");
  return kExitOk;
}

}  // namespace strongroom_cli
