// secret_memfds.cpp: sealed memfds for a command; see secret_memfds.hpp.
#include "child/secret_memfds.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "store/failure.hpp"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U  // Linux 6.3; some hosts require it (vm.memfd_noexec=2)
#endif

namespace strongroom_cli {
namespace {

// Shells use low numbers, and 255, for themselves.
constexpr int kFirstFd = 300;

Failure cannot(const char* what) {
  return system_failure(kExitUnavailable, std::string("making a secret file failed: ") + what);
}

UniqueFd create() {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  UniqueFd made(::memfd_create("secret", kFlags | MFD_NOEXEC_SEAL));
  if (!made) made = UniqueFd(::memfd_create("secret", kFlags));
  if (!made) throw cannot("memfd_create");
  UniqueFd high(::fcntl(made.get(), F_DUPFD_CLOEXEC, kFirstFd));
  return high ? std::move(high) : std::move(made);
}

UniqueFd sealed_copy(const SecretFile& secret) {
  auto content = secret.content;
  UniqueFd file = create();
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw cannot("write");
    content = content.subspan(static_cast<std::size_t>(written));
  }
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  constexpr mode_t kWritable = 0222;
  if (::fchmod(file.get(), secret.mode & ~kWritable) != 0) throw cannot("chmod");
  if (::fcntl(file.get(), F_ADD_SEALS, kSeals) != 0) throw cannot("seal");
  if (::lseek(file.get(), 0, SEEK_SET) != 0) throw cannot("lseek");
  give_to(file.get(), secret.owner);
  return file;
}

}  // namespace

SecretMemfds::SecretMemfds(std::span<const SecretFile> files) {
  for (const SecretFile& file : files) fds_.push_back(sealed_copy(file));
}

void SecretMemfds::move(std::size_t i, int number) {
  if (fds_[i].get() == number) return;
  for (std::size_t j = i + 1; j < fds_.size(); ++j) {
    if (fds_[j].get() != number) continue;
    UniqueFd elsewhere(::fcntl(number, F_DUPFD_CLOEXEC, kFirstFd));
    if (!elsewhere) throw cannot("fcntl");
    fds_[j] = std::move(elsewhere);
  }
  UniqueFd moved(::fcntl(fds_[i].get(), F_DUPFD_CLOEXEC, number));
  if (moved.get() != number) {
    throw Failure(kExitUnavailable, "another run uses a secret file of this run with descriptor " +
                                        std::to_string(number) + ", which is taken here");
  }
  fds_[i] = std::move(moved);
}

void SecretMemfds::leave_open() const {
  for (const UniqueFd& fd : fds_) {
    if (::fcntl(fd.get(), F_SETFD, 0) != 0) throw cannot("fcntl");
  }
}

}  // namespace strongroom_cli
