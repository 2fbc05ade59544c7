// secret_bytes.ipp: the bodies of secret_bytes.hpp.
#include <sodium.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/crypto/secret_arena.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

namespace detail::secret_bytes {

constexpr std::size_t kCanaryLen = 16;  // keeps what follows aligned for key schedules
constexpr std::size_t kMaxKeyLen = std::size_t{1} << 30;  // so that no sum wraps

// sodium_started calls sodium_init until it has succeeded once. sodium_init takes a lock, and a forked
// child may find that lock held by a thread that it does not have.
static bool sodium_started() noexcept {
  static std::atomic<bool> started{false};
  if (!started.load(std::memory_order_acquire)) started.store(sodium_init() >= 0);
  return started.load(std::memory_order_relaxed);
}

// The canary goes first, on the same pages: a forked child reads it as zero.
static std::size_t guarded_len(std::size_t len) noexcept {
  return kCanaryLen + (len + 15) / 16 * 16;
}

// Pages are those that hold a key. Before and after them is one page that nothing may access.
struct Pages {
  std::uint8_t* begin;
  std::size_t len;
  std::size_t guard_len;
};
static Pages pages_of(std::uint8_t* guarded, std::size_t len) noexcept {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t before = reinterpret_cast<std::uintptr_t>(guarded) % page;
  return {guarded - before, before + len, page};
}

// map_guarded returns len bytes of zeros that end where a guard page begins. It does not use
// sodium_malloc: with that, a key took 13 system calls in its life instead of 6. sodium_malloc also
// hides a refused lock, and aborts in a forked child.
static std::uint8_t* map_guarded(std::size_t len) noexcept {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t inner = (len + page - 1) / page * page;
  void* const memory =
      ::mmap(nullptr, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* const guarded = static_cast<std::uint8_t*>(memory) + page + inner - len;
  if (::mprotect(guarded + len - inner, inner, PROT_READ | PROT_WRITE) == 0) return guarded;
  ::munmap(memory, inner + 2 * page);
  return nullptr;
}

static bool protect(const Pages& pages) noexcept {
  return ::mlock(pages.begin, pages.len) == 0 &&
         ::madvise(pages.begin, pages.len, MADV_DONTDUMP) == 0 &&
         ::madvise(pages.begin, pages.len, MADV_WIPEONFORK) == 0;
}

static void unmap_guarded(std::uint8_t* guarded, std::size_t len) noexcept {
  const Pages pages = pages_of(guarded, len);
  ::munmap(pages.begin - pages.guard_len, pages.len + 2 * pages.guard_len);
}

}  // namespace detail::secret_bytes

bool same_secret(SecretView a, SecretView b) noexcept {
  return a.size() == b.size() && sodium_memcmp(a.reveal().data(), b.reveal().data(), a.size()) == 0;
}

Result<SecretBytes> SecretBytes::for_value(std::size_t len) {
  Result<SecretBytes> secret(std::in_place);
  STRONGROOM_TRY(secret->make_value(len));
  return secret;
}

Result<void> SecretBytes::make_value(std::size_t len) {
  wipe();
  STRONGROOM_ASSIGN(slot, SecretArena::instance().allocate(len == 0 ? 1 : len));
  held_.slot = slot;
  held_.begin = held_.slot.bytes;
  held_.size = held_.allocated = len;
  return {};
}

Result<SecretBytes> SecretBytes::for_key(std::size_t len) {
  using namespace detail::secret_bytes;
  if (!sodium_started()) return Error{Code::internal, "libsodium did not start"};
  if (len > kMaxKeyLen) return Error{Code::unavailable, "the system gave no memory for a key"};
  auto* const guarded = map_guarded(guarded_len(len));
  if (guarded == nullptr) return Error{Code::unavailable, "the system gave no memory for a key"};
  if (!protect(pages_of(guarded, guarded_len(len)))) {
    unmap_guarded(guarded, guarded_len(len));
    return Error{Code::unavailable,
                 "the system refused to lock memory for a key; raise RLIMIT_MEMLOCK "
                 "(ulimit -l, LimitMEMLOCK=)"};
  }
  std::memcpy(guarded, &kCanary, sizeof kCanary);
  SecretBytes secret;
  secret.held_.guarded = guarded;
  secret.held_.begin = guarded + kCanaryLen;
  secret.held_.size = secret.held_.allocated = len;
  return secret;
}

Result<SecretBytes> SecretBytes::copy_value(std::span<const std::uint8_t> bytes) {
  return filled(for_value(bytes.size()), bytes);
}
Result<SecretBytes> SecretBytes::copy_key(std::span<const std::uint8_t> bytes) {
  return filled(for_key(bytes.size()), bytes);
}

void SecretBytes::release() noexcept {
  using namespace detail::secret_bytes;
  if (held_.slot.bytes != nullptr) SecretArena::release(held_.slot, held_.allocated);
  if (held_.guarded != nullptr) {
    sodium_memzero(held_.guarded, guarded_len(held_.allocated));
    unmap_guarded(held_.guarded, guarded_len(held_.allocated));
  }
  held_ = {};
}

Result<SecretBytes> SecretBytes::filled(Result<SecretBytes> secret,
                                        std::span<const std::uint8_t> bytes) {
  if (secret && !bytes.empty()) std::memcpy(secret->held_.begin, bytes.data(), bytes.size());
  return secret;
}

SecretMemory secret_memory() noexcept {
  return SecretArena::instance().stats();
}

void set_secret_budget(std::size_t bytes) noexcept {
  SecretArena::instance().set_budget(bytes);
}

void allow_unlocked_secrets(bool allowed) noexcept {
  SecretArena::instance().allow_unlocked(allowed);
}

}  // namespace strongroom
