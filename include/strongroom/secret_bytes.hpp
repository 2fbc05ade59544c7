// secret_bytes.hpp: the only type in which plaintext and keys live.
//
// Move-only, locked, out of core dumps, wiped when let go. Nothing in it converts, prints or
// compares by accident: every look inside is spelled reveal(), so that `git grep reveal` is the
// audit. Keys lie behind guard pages and read as zeros in a forked child; values lie in the arena.
#pragma once

#include <sodium.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/crypto/secret_arena.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// SecretView is borrowed plaintext. The bytes stay the owner's; do not keep a view.
class SecretView {
 public:
  SecretView() = default;
  explicit SecretView(std::span<const std::uint8_t> bytes) noexcept : bytes_(bytes) {}
  SecretView(const void* bytes, std::size_t len) noexcept
      : bytes_(static_cast<const std::uint8_t*>(bytes), len) {}

  std::size_t size() const noexcept { return bytes_.size(); }
  bool empty() const noexcept { return bytes_.empty(); }
  std::span<const std::uint8_t> reveal() const noexcept { return bytes_; }
  std::string_view reveal_text() const noexcept {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  SecretView first(std::size_t n) const noexcept { return SecretView(bytes_.first(n)); }
  SecretView subview(std::size_t offset, std::size_t n) const noexcept {
    return SecretView(bytes_.subspan(offset, n));
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

// same_secret compares in a time that depends on the lengths alone.
inline bool same_secret(SecretView a, SecretView b) noexcept {
  return a.size() == b.size() && sodium_memcmp(a.reveal().data(), b.reveal().data(), a.size()) == 0;
}

class SecretBytes {
 public:
  SecretBytes() = default;
  SecretBytes(SecretBytes&& other) noexcept : held_(std::exchange(other.held_, {})) {}
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    const Held taken = std::exchange(other.held_, {});
    wipe();
    held_ = taken;
    return *this;
  }
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { wipe(); }

  // for_value gives len bytes of the arena, contents unspecified.
  // Errors  too_large, unavailable, as SecretArena::allocate.
  static Result<SecretBytes> for_value(std::size_t len) {
    Result<SecretBytes> secret(std::in_place);
    if (auto made = secret->make_value(len); !made) return std::move(made).error();
    return secret;
  }

  // make_value does the same where the secret stands; what it held is wiped.
  Result<void> make_value(std::size_t len) {
    wipe();
    auto slot = SecretArena::instance().allocate(len == 0 ? 1 : len);
    if (!slot) return std::move(slot).error();
    held_.slot = slot.value();
    held_.begin = held_.slot.bytes;
    held_.size = held_.allocated = len;
    return {};
  }

  // for_key gives len zero bytes behind guard pages, locked, and wiped in a forked child. For keys
  // and shares: it costs three pages and about 15 us.
  // Errors  unavailable: the system refused to map, lock or watch the page; there is no opt-out.
  static Result<SecretBytes> for_key(std::size_t len) {
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

  static Result<SecretBytes> copy_value(std::span<const std::uint8_t> bytes) {
    return filled(for_value(bytes.size()), bytes);
  }
  static Result<SecretBytes> copy_key(std::span<const std::uint8_t> bytes) {
    return filled(for_key(bytes.size()), bytes);
  }

  std::size_t size() const noexcept { return held_.size; }
  bool empty() const noexcept { return held_.size == 0; }

  SecretView view() const noexcept { return SecretView(held_.begin, held_.size); }
  std::span<const std::uint8_t> reveal() const noexcept { return {held_.begin, held_.size}; }
  std::span<std::uint8_t> reveal_mutable() noexcept { return {held_.begin, held_.size}; }
  std::string_view reveal_text() const noexcept { return view().reveal_text(); }

  // intact is false when this was a key and a fork wiped it, or something wrote over its canary.
  bool intact() const noexcept {
    return held_.guarded == nullptr || std::memcmp(held_.guarded, &kCanary, sizeof kCanary) == 0;
  }

  // keep narrows the secret to a part of itself; the rest stays where it is and is wiped with it.
  void keep(std::size_t offset, std::size_t len) noexcept {
    assert(offset <= held_.size && len <= held_.size - offset);
    held_.begin += offset;
    held_.size = len;
  }

  // wipe overwrites and lets go; the secret is empty afterwards.
  void wipe() noexcept {
    if (held_.begin == nullptr) return;
    if (held_.slot.bytes != nullptr) SecretArena::release(held_.slot, held_.allocated);
    if (held_.guarded != nullptr) {
      sodium_memzero(held_.guarded, guarded_len(held_.allocated));
      unmap_guarded(held_.guarded, guarded_len(held_.allocated));
    }
    held_ = {};
  }

 private:
  static constexpr std::uint64_t kCanary = 0x5e41ed0fb0a7c0deULL;
  static constexpr std::size_t kCanaryLen = 16;  // keeps what follows aligned for key schedules
  static constexpr std::size_t kMaxKeyLen = std::size_t{1} << 30;  // so that no sum wraps

  // sodium_started asks libsodium once: it answers under a lock, which a forked child may find held
  // by a thread that it does not have.
  static bool sodium_started() noexcept {
    static std::atomic<bool> started{false};
    if (!started.load(std::memory_order_acquire)) started.store(sodium_init() >= 0);
    return started.load(std::memory_order_relaxed);
  }

  // The canary goes first, on the same pages: a forked child reads it as zero.
  static std::size_t guarded_len(std::size_t len) noexcept {
    return kCanaryLen + (len + 15) / 16 * 16;
  }

  // Pages are those that hold a key; before and after them is one that nobody may touch.
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

  // map_guarded gives len bytes of zeros that end where a guard page begins. Not sodium_malloc: with
  // it a key took 13 system calls in its life, not 6; and it hides a refused lock, and aborts in a
  // forked child.
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

  static Result<SecretBytes> filled(Result<SecretBytes> secret,
                                    std::span<const std::uint8_t> bytes) {
    if (secret && !bytes.empty()) std::memcpy(secret->held_.begin, bytes.data(), bytes.size());
    return secret;
  }

  // Held is what moves from one to the other.
  struct Held {
    SecretArena::Slot slot;
    std::uint8_t* guarded = nullptr;
    std::uint8_t* begin = nullptr;
    std::size_t size = 0;
    std::size_t allocated = 0;
  };
  Held held_;
};

}  // namespace strongroom
