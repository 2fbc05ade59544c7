// file_plan.cpp: mounts, memfds, or one directory; see file_plan.hpp.
#include "run/file_plan.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <utility>

#include "store/failure.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {
namespace {

// The folder of the working directory that is the directory of credentials. A file in it keeps it until the last
// run ends.
constexpr const char* kCredentialsFolder = ".strongroom-credentials";
constexpr const char* kCredentialsInUse = ".strongroom-credentials/.in-use";

// check_credential_name refuses names that systemd refuses for a credential.
void check_credential_name(std::string_view name) {
  const auto fits = [](char c) { return c >= ' ' && c <= '~' && c != ':' && c != '/'; };
  constexpr std::size_t kMaxNameLen = 255;
  if (!name.empty() && name.size() <= kMaxNameLen && name != "." && name != ".." &&
      std::all_of(name.begin(), name.end(), fits)) {
    return;
  }
  throw Failure(
      kExitInvalid,
      "the container path '" + printable(std::string(name)) +
          "' is no name of a credential: printable ASCII without '/' and ':', as 'db-password'");
}

}  // namespace

std::vector<SecretFile> files_of(const Resolved& resolved, const FileAccess& access) {
  std::vector<SecretFile> files;
  const std::size_t count = resolved.volumes ? resolved.volumes->size() : 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view value = resolved.volumes->reveal_value(i);
    const bool read_only = access.credentials || resolved.volumes->read_only(i);
    files.push_back({resolved.volumes->path(i),
                     read_only,
                     {reinterpret_cast<const std::uint8_t*>(value.data()), value.size()},
                     access.mode(read_only),
                     access.owner});
  }
  return files;
}

std::string credentials_directory() {
  return std::filesystem::current_path() / kCredentialsFolder;
}

void check_credentials(const Resolved& resolved) {
  for (std::size_t i = 0; i < resolved.volumes->size(); ++i) {
    check_credential_name(resolved.volumes->path(i));
  }
  const std::size_t count = resolved.variables ? resolved.variables->size() : 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (resolved.variables->name(i) != kCredentialsVariable) continue;
    throw Failure(
        kExitInvalid,
        "the environment has a variable CREDENTIALS_DIRECTORY, which --credentials-directory sets");
  }
}

FilePlan::FilePlan(std::vector<SecretFile> files, const FileAccess& access)
    : files_(std::move(files)), access_(access), targets_(access.others_pass()) {
  if (files_.empty()) return;
  if (access_.mounts && access_.credentials) {
    targets_.add_file(kCredentialsInUse);
    return;
  }
  if (access_.mounts) {
    for (const SecretFile& file : files_) ids_.push_back(targets_.add_file(file.path));
    return;
  }
  memfds_.emplace(files_);
  const std::string folder = access_.credentials ? std::string(kCredentialsFolder) + "/" : "";
  for (std::size_t i = 0; i < files_.size(); ++i) {
    memfds_->move(i, targets_.add_link(folder + files_[i].path, memfds_->number(i)));
  }
  complain(
      "no mount namespace: the secret files are sealed, read-only memfds, which the command "
      "inherits");
}

void FilePlan::apply_in_child() const {
  if (memfds_) return memfds_->leave_open();
  if (files_.empty()) return;
  if (access_.credentials) return mount_credentials(files_, access_.owner, kCredentialsFolder);
  mount_secret_files(files_, ids_);
}

void FilePlan::release() noexcept {
  memfds_.reset();
  files_.clear();
}

}  // namespace strongroom_cli
