// file_plan.hpp: how a command gets to see its secret files.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "child/secret_memfds.hpp"
#include "child/secret_mounts.hpp"
#include "run/request.hpp"
#include "store/owner.hpp"
#include "store/targets.hpp"
#include "strongroom_abi.hpp"

namespace strongroom_cli {

// FileAccess is who may use the files, and how they are made visible.
struct FileAccess {
  Owner owner;
  bool mesos_modes = false;  // every user may read them
  bool credentials = false;  // in one read-only directory, whatever the volumes say
  bool mounts = false;       // in a mount namespace; else sealed memfds

  mode_t mode(bool read_only) const noexcept {
    if (mesos_modes) return 0644;
    return read_only ? 0400 : 0600;
  }
  bool others_pass() const noexcept { return mesos_modes || owner != Owner{}; }
};

// files_of borrows the values of the volumes.
std::vector<SecretFile> files_of(const Resolved& resolved, const FileAccess& access);

// What systemd calls the directory of a service's credentials.
inline constexpr std::string_view kCredentialsVariable = "CREDENTIALS_DIRECTORY";

// credentials_directory returns where the directory is.
std::string credentials_directory();

// check_credentials throws Failure(kExitInvalid) for names that are none of credentials.
void check_credentials(const Resolved& resolved);

// FilePlan makes the command's files visible to it, by mounts where they are allowed.
class FilePlan {
 public:
  FilePlan(std::vector<SecretFile> files, const FileAccess& access);

  void apply_in_child() const;

  // release frees what only the child needs; the targets stay until the end.
  void release() noexcept;

 private:
  std::vector<SecretFile> files_;
  FileAccess access_;
  Targets targets_;
  std::vector<FileId> ids_;
  std::optional<SecretMemfds> memfds_;
};

}  // namespace strongroom_cli
