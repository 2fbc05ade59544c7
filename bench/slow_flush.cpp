// slow_flush.cpp: makes every disk slow to flush. Preload it (LD_PRELOAD), and each barrier takes
// SLOW_FLUSH_US microseconds more (4000), after the barrier really happened.
//
// A barrier is fdatasync, fsync, msync, sync_file_range, or a write to a file that was opened with
// O_DSYNC or O_SYNC, as LMDB's data file is for its header page. No call is left out or reordered.

// Otherwise pwrite would be another name of pwrite64, and this file defines both.
#undef _FILE_OFFSET_BITS

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace {

// wait_like_a_disk preserves errno, which is that of the call before it.
void wait_like_a_disk() {
  static const useconds_t delay = [] {
    const char* const text = std::getenv("SLOW_FLUSH_US");
    return static_cast<useconds_t>(text != nullptr ? std::atoi(text) : 4000);
  }();
  const int kept = errno;
  ::usleep(delay);
  errno = kept;
}

void wait_if_durable(int fd) {
  const int kept = errno;
  const int flags = ::fcntl(fd, F_GETFL);
  errno = kept;
  if (flags >= 0 && (flags & (O_DSYNC | O_SYNC)) != 0) wait_like_a_disk();
}

template <typename F>
F next(const char* name, F) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

#define STRONGROOM_NEXT(name) static const auto real = next(#name, &::name)

extern "C" {

int fdatasync(int fd) {
  STRONGROOM_NEXT(fdatasync);
  const int status = real(fd);
  wait_like_a_disk();
  return status;
}

int fsync(int fd) {
  STRONGROOM_NEXT(fsync);
  const int status = real(fd);
  wait_like_a_disk();
  return status;
}

int msync(void* begin, size_t len, int flags) {
  STRONGROOM_NEXT(msync);
  const int status = real(begin, len, flags);
  wait_like_a_disk();
  return status;
}

int sync_file_range(int fd, off64_t begin, off64_t len, unsigned flags) {
  STRONGROOM_NEXT(sync_file_range);
  const int status = real(fd, begin, len, flags);
  wait_like_a_disk();
  return status;
}

ssize_t pwrite(int fd, const void* from, size_t len, off_t at) {
  STRONGROOM_NEXT(pwrite);
  const ssize_t written = real(fd, from, len, at);
  wait_if_durable(fd);
  return written;
}

ssize_t pwrite64(int fd, const void* from, size_t len, off64_t at) {
  STRONGROOM_NEXT(pwrite64);
  const ssize_t written = real(fd, from, len, at);
  wait_if_durable(fd);
  return written;
}

ssize_t pwritev(int fd, const iovec* from, int num, off_t at) {
  STRONGROOM_NEXT(pwritev);
  const ssize_t written = real(fd, from, num, at);
  wait_if_durable(fd);
  return written;
}

}  // extern "C"
