// lockdown.cpp: see lockdown.hpp.
#include "lockdown.hpp"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <utility>

namespace strongroom::openpgp {
namespace {

// A sanitizer maps terabytes and may start a thread, so some limits cannot apply.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

bool limit(__rlimit_resource resource, rlim_t most) noexcept {
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return false;
  if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most) most = now.rlim_max;
  const rlimit wanted{most, most};
  return ::setrlimit(resource, &wanted) == 0;
}

// dies_with_parent asks the kernel to kill us when our parent ends. The parent made our socket, so if it
// ended before prctl, the socket's maker is no longer our parent.
bool dies_with_parent() noexcept {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return false;
  ucred maker{};
  socklen_t len = sizeof maker;
  return ::getsockopt(STDIN_FILENO, SOL_SOCKET, SO_PEERCRED, &maker, &len) == 0 &&
         maker.pid == ::getppid();
}

bool limit_spending() noexcept {
  constexpr rlim_t kCpuSeconds = 120;
  constexpr rlim_t kAddressSpace = rlim_t{512} << 20;
  if (!limit(RLIMIT_CORE, 0) || !limit(RLIMIT_CPU, kCpuSeconds) || !limit(RLIMIT_FSIZE, 0)) {
    return false;
  }
  if (kSanitized) return true;
  // Random numbers need a descriptor, /proc/self/maps another. There is no limit on processes: Botan's
  // RSA needs a thread, and that limit counts everything that the user runs.
  return limit(RLIMIT_NOFILE, 8) && limit(RLIMIT_AS, kAddressSpace);
}

// lock_written_mappings locks only the mappings that can be written, since secrets can get nowhere else.
// It is for ordinary users, whose limit is too low for our libraries' code.
bool lock_written_mappings() noexcept {
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return false;
  std::array<char, 512> line{};
  bool locked = true;
  while (locked && std::fgets(line.data(), static_cast<int>(line.size()), maps) != nullptr) {
    unsigned long begin = 0;
    unsigned long end = 0;
    std::array<char, 5> mode{};
    if (std::sscanf(line.data(), "%lx-%lx %4s", &begin, &end, mode.data()) != 3) continue;
    if (mode[1] != 'w') continue;
    locked = ::mlock2(reinterpret_cast<void*>(begin), end - begin, MLOCK_ONFAULT) == 0;
  }
  std::fclose(maps);
  return locked && ::mlockall(MCL_FUTURE | MCL_ONFAULT) == 0;
}

bool small_stacks() noexcept {
  constexpr std::size_t kStackLen = std::size_t{256} << 10;
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) != 0) return false;
  const bool set = ::pthread_attr_setstacksize(&attributes, kStackLen) == 0 &&
                   ::pthread_setattr_default_np(&attributes) == 0;
  ::pthread_attr_destroy(&attributes);
  return set;
}

}  // namespace

bool lock_down() noexcept {
  if (!dies_with_parent()) return false;
  // RLIMIT_CORE does not apply to core dumps that are piped to a program; this does, and it keeps
  // debuggers out.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return false;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  return limit_spending();
}

bool lock_memory() noexcept {
  if (kSanitized) return true;  // its mlock does nothing
  // Use one heap, which frees little. Overwriting freed memory would cost RSA 18 ms, and nobody can read
  // that memory, which the kernel clears a moment later.
  ::mallopt(M_ARENA_MAX, 1);
  // Botan would map, lock and guard a pool page by page, which takes 3 ms. Here everything is locked
  // already.
  if (::setenv("BOTAN_MLOCK_POOL_SIZE", "0", 1) != 0) return false;
  // Its RSA starts threads, whose stacks of 8 MiB would not fit what a user may lock.
  if (::setenv("BOTAN_THREAD_POOL_SIZE", "1", 1) != 0 || !small_stacks()) return false;
  rlimit now{};
  if (::getrlimit(RLIMIT_MEMLOCK, &now) == 0 && now.rlim_cur < now.rlim_max) {
    now.rlim_cur = now.rlim_max;
    ::setrlimit(RLIMIT_MEMLOCK, &now);
  }
  return ::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0 || lock_written_mappings();
}

}  // namespace strongroom::openpgp
