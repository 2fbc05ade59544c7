// process.hpp: what tests ask of the kernel: forked children, limits, and how a page is kept.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>
#include <string_view>

namespace strongroom::testing {

// kSanitized: a sanitizer watches. Its mlock does nothing, and its runtime bends speeds and limits.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

// Complaint is why a child is not content; nullptr when it is.
using Complaint = const char*;

// kCannotTell is the complaint of a child that lacks the privilege to try.
inline constexpr Complaint kCannotTell = "cannot tell";

// in_child runs body in a forked child and gives its complaint, "" when there was none. A child that
// died says "signal N"; one that hangs for 30 seconds dies by SIGALRM.
template <typename Body>
std::string in_child(Body body) {
  std::fflush(nullptr);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child < 0) return "no child";
  if (child == 0) {
    ::alarm(30);
    for (const int fault : {SIGSEGV, SIGBUS, SIGABRT}) std::signal(fault, SIG_DFL);
    const Complaint complaint = body();
    const std::string_view text(complaint == nullptr ? "" : complaint);
    const bool told = ::write(ends[1], text.data(), text.size()) >= 0;
    ::_exit(complaint == nullptr && told ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text;
  std::array<char, 256> part{};
  for (;;) {
    const ssize_t got = ::read(ends[0], part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  if (text.empty() && WEXITSTATUS(status) != 0) return "exit without a word";
  return text;
}

// dies_by_fault tells whether body ends its process by a memory fault.
template <typename Body>
bool dies_by_fault(Body body) {
  const std::string end = in_child([&]() -> Complaint {
    body();
    return "went on";
  });
  return end == "signal " + std::to_string(SIGSEGV) || end == "signal " + std::to_string(SIGBUS);
}

// vm_flags gives the VmFlags line of the mapping that holds the address: " rd wr .. lo .. wf dd ".
inline std::string vm_flags(const void* address) {
  std::ifstream smaps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long begin = 0;
    unsigned long end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      inside = begin <= wanted && wanted < end;
    } else if (inside && line.rfind("VmFlags:", 0) == 0) {
      return line.substr(8) + " ";
    }
  }
  return {};
}

inline bool has_flag(const void* address, const std::string& flag) {
  return vm_flags(address).find(" " + flag + " ") != std::string::npos;
}

// is_mapped tells whether the address can be read.
inline bool is_mapped(const void* address) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(address) / page * page;
  unsigned char resident = 0;
  return ::mincore(reinterpret_cast<void*>(begin), page, &resident) == 0;
}

// mlock_locks tells whether mlock does anything here: under a sanitizer it does not.
inline bool mlock_locks() {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* memory = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  const bool locks = ::mlock(memory, page) == 0 && has_flag(memory, "lo");
  ::munmap(memory, page);
  return locks;
}

// limit_locked_memory leaves this process no more than len bytes to lock: it gives up root, whom no
// limit binds. For children.
// Returns  whether the limit holds.
inline bool limit_locked_memory(std::size_t len) {
  if (!mlock_locks()) return false;
  if (::geteuid() == 0) {
    constexpr uid_t kNobody = 65534;
    if (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
        ::setresuid(kNobody, kNobody, kNobody) != 0) {
      return false;
    }
  }
  const rlimit limit{len, len};
  if (::setrlimit(RLIMIT_MEMLOCK, &limit) != 0) return false;
  void* memory =
      ::mmap(nullptr, len + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  const bool bound = ::mlock(memory, len + 4096) != 0;
  ::munmap(memory, len + 4096);
  return bound;
}

// cpu_seconds is the time that the calling thread has spent on a processor.
inline double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace strongroom::testing
