// fork_guard.hpp: detects that a handle is used in a forked child.
//
// A forked child has copies of our handles but none of our threads. Locks are in the state in which the
// fork found them, and the keys read as zeros. So every handle remembers the process in which it was
// made, and refuses to work in another one. The kernel detects the fork (MADV_WIPEONFORK), since getpid
// can repeat and pthread_atfork misses clone.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

namespace strongroom {

namespace detail {

using EpochPage = std::atomic<std::uint64_t>;

// epoch_page is the page that the kernel wipes on fork. Its address is published without a lock or
// a static's guard: a child forked in the middle of either would wait for a thread that it does not
// have.
inline std::atomic<EpochPage*> epoch_page{nullptr};

inline EpochPage* map_epoch_page() noexcept {
  const auto len = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* memory = ::mmap(nullptr, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  if (::madvise(memory, len, MADV_WIPEONFORK) != 0) {
    ::munmap(memory, len);
    return nullptr;
  }
  auto* const fresh = new (memory) EpochPage(0);
  EpochPage* published = nullptr;
  if (epoch_page.compare_exchange_strong(published, fresh)) return fresh;
  ::munmap(memory, len);
  return published;
}

// begin_epoch is the first call in a process. It is a function of its own, so that every later call of
// process_epoch is two inlined loads.
[[gnu::noinline]] inline std::uint64_t begin_epoch() noexcept {
  static std::atomic<std::uint64_t> last{0};  // not wiped: a child continues to count from here
  EpochPage* page = epoch_page.load(std::memory_order_acquire);
  if (page == nullptr) page = map_epoch_page();
  if (page == nullptr) return 0;
  std::uint64_t epoch = 0;
  const std::uint64_t fresh = last.fetch_add(1) + 1;
  return page->compare_exchange_strong(epoch, fresh) ? fresh : epoch;
}

}  // namespace detail

// process_epoch is one number per process. It stays the same for the life of the process. In a child it
// differs from every number that an ancestor saw before the fork.
// Errors   0 when the kernel did not provide a page that it wipes on fork; then no handle works.
// Threads  any number at once. About a nanosecond.
inline std::uint64_t process_epoch() noexcept {
  const detail::EpochPage* const page = detail::epoch_page.load(std::memory_order_acquire);
  const std::uint64_t epoch = page == nullptr ? 0 : page->load(std::memory_order_acquire);
  return epoch != 0 ? epoch : detail::begin_epoch();
}

// ForkGuard is a member of every handle: `if (!guard_.same_process()) return forked();`
class ForkGuard {
 public:
  // Written out, so that a member may be const without an initializer.
  ForkGuard() noexcept : epoch_(process_epoch()) {}

  bool same_process() const noexcept { return epoch_ != 0 && epoch_ == process_epoch(); }

 private:
  std::uint64_t epoch_;
};

}  // namespace strongroom
