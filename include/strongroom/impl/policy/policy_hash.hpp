// policy_hash.hpp: hashing for policies; seeded, since the author of a policy chooses what is hashed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/result.hpp"

namespace strongroom::policy_hash {

inline constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15U;  // 2^64 over the golden ratio

// mix multiplies to 128 bits and folds: every bit of either word moves about half of the result's.
inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
#ifdef __SIZEOF_INT128__
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
#else
  a = (a ^ (a >> 32U)) * (b | 1U);
  a = (a ^ (a >> 29U)) * kOdd;
  return a ^ (a >> 32U);
#endif
}

// Seed is secret to this process and table, so nobody can choose keys that collide.
struct Seed {
  std::uint64_t words[4];

  // Errors  internal: no randomness.
  static Result<Seed> random() {
    std::array<std::uint8_t, sizeof words> bytes{};
    STRONGROOM_TRY(random_bytes(bytes));
    Seed seed;
    std::memcpy(seed.words, bytes.data(), bytes.size());
    return seed;
  }
};

inline std::uint64_t hash_bytes(const Seed& seed, std::string_view bytes) noexcept {
  std::uint64_t hash = seed.words[0] ^ bytes.size();
  while (bytes.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    hash = mix(hash ^ word, seed.words[1]);
    bytes.remove_prefix(8);
  }
  std::uint64_t word = 0;
  if (!bytes.empty()) std::memcpy(&word, bytes.data(), bytes.size());
  return mix(mix(hash ^ word, seed.words[2]), seed.words[3]);
}

inline std::uint64_t hash_pair(const Seed& seed, std::uint32_t a, std::uint32_t b) noexcept {
  return mix((std::uint64_t{a} << 32U | b) ^ seed.words[0], seed.words[1]);
}

// Index finds the number of an item by the item's hash; its owner keeps the items.
class Index {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFFU;

  // find calls same(number) for the items that may be the one.
  template <typename Same>
  std::uint32_t find(std::uint64_t hash, const Same& same) const noexcept {
    if (slots_.empty()) return kNone;
    const auto tag = static_cast<std::uint32_t>(hash >> 32U);
    for (std::size_t i = hash & mask();; i = (i + 1) & mask()) {
      const Slot& slot = slots_[i];
      if (slot.number == kNone) return kNone;
      if (slot.tag == tag && same(slot.number)) return slot.number;
    }
  }

  // add takes a number that find did not find.
  void add(std::uint64_t hash, std::uint32_t number) {
    if (2 * (size_ + 1) > slots_.size()) grow();
    put(hash, number);
    ++size_;
  }

  void reserve(std::size_t size) {
    std::size_t slots = 16;
    while (slots < 2 * size) slots *= 2;
    if (slots > slots_.size()) resize(slots);
  }

 private:
  // A slot keeps all of the hash that a table can need: the low half places it, the high half is
  // compared.
  struct Slot {
    std::uint32_t number = kNone;
    std::uint32_t tag = 0;
    std::uint32_t low = 0;
  };

  std::size_t mask() const noexcept { return slots_.size() - 1; }
  void grow() { resize(slots_.empty() ? 16 : 2 * slots_.size()); }
  void resize(std::size_t num_slots) {
    std::vector<Slot> old(num_slots);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.number != kNone) put(std::uint64_t{slot.tag} << 32U | slot.low, slot.number);
    }
  }
  void put(std::uint64_t hash, std::uint32_t number) noexcept {
    std::size_t i = hash & mask();
    while (slots_[i].number != kNone) i = (i + 1) & mask();
    slots_[i] = {number, static_cast<std::uint32_t>(hash >> 32U), static_cast<std::uint32_t>(hash)};
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace strongroom::policy_hash
