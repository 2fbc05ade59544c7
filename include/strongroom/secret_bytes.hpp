// secret_bytes.hpp: the only type in which plaintext and keys live.
//
// A secret is move-only, locked, kept out of core dumps, and wiped when released. Nothing converts,
// prints or compares it by accident: every access to the bytes is spelled reveal(), so that `git grep
// reveal` is the audit. Keys lie behind guard pages and read as zeros in a forked child; values lie in
// the arena.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

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

// same_secret compares in a time that depends only on the lengths.
bool same_secret(SecretView a, SecretView b) noexcept;

namespace detail {

// ArenaSlot is one allocation in the arena for values: see impl/crypto/secret_arena.hpp.
struct ArenaSlot {
  std::uint8_t* bytes = nullptr;
  void* chunk = nullptr;    // the mapping that it lies in
  std::uint16_t index = 0;  // of the slot in its chunk
  std::uint16_t count = 1;  // slots in a row
};

}  // namespace detail

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

  // for_value returns len bytes of the arena, contents unspecified.
  // Errors  too_large, unavailable, as SecretArena::allocate.
  static Result<SecretBytes> for_value(std::size_t len);

  // make_value is for_value in place: it wipes what this secret held.
  Result<void> make_value(std::size_t len);

  // for_key returns len zero bytes behind guard pages, locked, and wiped in a forked child. It is for
  // keys and shares: it costs three pages and about 15 us.
  // Errors  unavailable: the system refused to map or lock the pages, or to keep them from core dumps
  //         and forked children; there is no opt-out.
  static Result<SecretBytes> for_key(std::size_t len);

  static Result<SecretBytes> copy_value(std::span<const std::uint8_t> bytes);
  static Result<SecretBytes> copy_key(std::span<const std::uint8_t> bytes);

  std::size_t size() const noexcept { return held_.size; }
  bool empty() const noexcept { return held_.size == 0; }

  SecretView view() const noexcept { return SecretView(held_.begin, held_.size); }
  std::span<const std::uint8_t> reveal() const noexcept { return {held_.begin, held_.size}; }
  std::span<std::uint8_t> reveal_mutable() noexcept { return {held_.begin, held_.size}; }
  std::string_view reveal_text() const noexcept { return view().reveal_text(); }

  // intact returns false when this was a key and a fork wiped it, or something wrote over its canary.
  bool intact() const noexcept {
    return held_.guarded == nullptr || std::memcmp(held_.guarded, &kCanary, sizeof kCanary) == 0;
  }

  // keep narrows the secret to a part of itself. The rest stays allocated and is wiped with it.
  void keep(std::size_t offset, std::size_t len) noexcept {
    assert(offset <= held_.size && len <= held_.size - offset);
    held_.begin += offset;
    held_.size = len;
  }

  // wipe overwrites the bytes and releases them; the secret is empty afterwards.
  void wipe() noexcept {
    if (held_.begin != nullptr) release();
  }

 private:
  static constexpr std::uint64_t kCanary = 0x5e41ed0fb0a7c0deULL;

  static Result<SecretBytes> filled(Result<SecretBytes> secret,
                                    std::span<const std::uint8_t> bytes);
  void release() noexcept;

  // Held is what a move takes along.
  struct Held {
    detail::ArenaSlot slot;
    std::uint8_t* guarded = nullptr;
    std::uint8_t* begin = nullptr;
    std::size_t size = 0;
    std::size_t allocated = 0;
  };
  Held held_;
};

// SecretMemory describes the locked memory for values (not for keys) of this process.
struct SecretMemory {
  std::size_t budget_bytes;    // how much may be locked
  std::size_t reserved_bytes;  // how much is mapped for values now, in use or kept for later ones
  bool unlocked_allowed;
};
SecretMemory secret_memory() noexcept;

// set_secret_budget changes how many bytes may be locked for values from now on; what is in use stays.
void set_secret_budget(std::size_t bytes) noexcept;

// allow_unlocked_secrets lets values live in memory that may be swapped, once the system refuses to lock
// more. They are still wiped, and still kept out of core dumps, and the budget still applies. When it is
// withdrawn, every later value is locked again; values that are in unlocked memory stay there.
void allow_unlocked_secrets(bool allowed) noexcept;

}  // namespace strongroom
