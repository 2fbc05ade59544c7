// keyring.hpp: the keys of an unsealed store, in locked memory, and their sealed form.
//
// The keyring holds one random data key per term, the key that places records, the key that seals
// names, the audit key, and every slot's own key, so that an unsealed store re-wraps its slots by
// itself. It is immutable: a rotation makes a new one. It must never be copied outside key memory.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "strongroom/aead.hpp"
#include "strongroom/codec.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

using StoreId = std::array<std::uint8_t, 16>;
using TermId = std::uint32_t;
using SlotId = std::uint32_t;

inline constexpr std::size_t kMaxTerms = 1024;
inline constexpr std::size_t kMaxSlots = 64;

// now_ms is the time as the store writes it: milliseconds since 1970, UTC.
inline std::uint64_t now_ms() noexcept {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  return ms > 0 ? static_cast<std::uint64_t>(ms) : 0;
}

class Keyring {
 public:
  // create makes a keyring with fresh random keys, one term, and the given slots' ids with a fresh
  // random key each.
  static Result<Keyring> create(std::span<const SlotId> slots) {
    Shape shape{slots.size(), 1};
    auto plain = SecretBytes::for_key(shape.len());
    if (!plain) return std::move(plain).error();
    auto bytes = plain->reveal_mutable();
    if (auto random = random_bytes(bytes); !random) return std::move(random).error();
    put_be(bytes.first<2>(), kFormat);
    put_be(bytes.subspan(2).first<2>(), slots.size());
    put_be(bytes.subspan(4).first<4>(), 1);
    for (std::size_t i = 0; i < slots.size(); ++i)
      put_be(bytes.subspan(shape.slot(i)).first<4>(), slots[i]);
    put_be(bytes.subspan(shape.term(0)).first<4>(), 1);
    put_be(bytes.subspan(shape.term(0) + 4).first<8>(), now_ms());
    return from(std::move(plain).value());
  }

  // from takes a keyring in its stored form (FORMAT.md, "Keyring").
  // Errors  corrupt: not of that form.  unsupported: of a newer form.
  static Result<Keyring> from(SecretBytes plain) {
    auto shape = shape_of(plain.reveal());
    if (!shape) return std::move(shape).error();
    auto hot = SecretBytes::for_key(sizeof(Hot) + shape->num_terms * sizeof(XaesKey));
    if (!hot) return std::move(hot).error();
    Keyring keyring;
    keyring.shape_ = shape.value();
    keyring.plain_ = std::move(plain);
    keyring.hot_ = std::move(hot).value();
    keyring.schedule();
    return keyring;
  }

  // with_new_term is this keyring and one more random data key, which becomes the active one.
  // Errors  too_large: 1,024 terms; retire old ones first.
  Result<Keyring> with_new_term() const {
    if (shape_.num_terms == kMaxTerms) {
      return Error{Code::too_large, "the keyring held 1024 terms; retire old ones first"};
    }
    const Shape grown{shape_.num_slots, shape_.num_terms + 1};
    auto plain = SecretBytes::for_key(grown.len());
    if (!plain) return std::move(plain).error();
    auto bytes = plain->reveal_mutable();
    std::memcpy(bytes.data(), plain_.reveal().data(), shape_.len());
    put_be(bytes.subspan(4).first<4>(), grown.num_terms);
    auto term = bytes.subspan(grown.term(shape_.num_terms), kTermLen);
    put_be(term.first<4>(), active_term() + 1);
    put_be(term.subspan(4).first<8>(), now_ms());
    if (auto random = random_bytes(term.subspan(12)); !random) return std::move(random).error();
    return from(std::move(plain).value());
  }

  // stored writes generation and the digest of the slot table into the stored form and shows it.
  Result<SecretBytes> stored(std::uint64_t generation,
                             std::span<const std::uint8_t, 32> slots_digest) const {
    auto copy = SecretBytes::copy_key(plain_.reveal());
    if (!copy) return copy;
    put_be(copy->reveal_mutable().subspan(8).first<8>(), generation);
    std::memcpy(copy->reveal_mutable().data() + 16, slots_digest.data(), 32);
    return copy;
  }

  std::uint64_t generation() const noexcept {
    return get_be(plain_.reveal().subspan(8).first<8>());
  }
  std::span<const std::uint8_t> slots_digest() const noexcept {
    return plain_.reveal().subspan(16, 32);
  }

  // intact is false in a forked child, where every key reads as zeros.
  bool intact() const noexcept { return hot_.intact(); }

  std::size_t num_terms() const noexcept { return shape_.num_terms; }
  TermId first_term() const noexcept { return first_term_; }
  TermId active_term() const noexcept {
    return first_term_ + static_cast<TermId>(shape_.num_terms) - 1;
  }
  // term is the data key of one term; null when the keyring does not have it.
  const XaesKey* term(TermId id) const noexcept {
    if (id < first_term_ || id > active_term()) return nullptr;
    return terms() + (id - first_term_);
  }
  const CmacKey& location_key() const noexcept { return hot().location; }
  const SivKey& name_key() const noexcept { return hot().name; }

  // slot_key is a slot's own key; empty when there is no such slot.
  SecretView slot_key(SlotId id) const noexcept {
    for (std::size_t i = 0; i < shape_.num_slots; ++i) {
      const auto slot = plain_.reveal().subspan(shape_.slot(i), kSlotLen);
      if (get_be(slot.first<4>()) == id) return SecretView(slot.subspan(4));
    }
    return {};
  }

 private:
  static constexpr std::uint16_t kFormat = 1;
  static constexpr std::size_t kFixedLen = 176;
  static constexpr std::size_t kSlotLen = 4 + kKeyLen;
  static constexpr std::size_t kTermLen = 4 + 8 + kKeyLen;
  static constexpr std::size_t kLocationAt = 48;
  static constexpr std::size_t kNameAt = 80;

  struct Shape {
    std::size_t num_slots = 0;
    std::size_t num_terms = 0;

    std::size_t slot(std::size_t i) const noexcept { return kFixedLen + i * kSlotLen; }
    std::size_t term(std::size_t i) const noexcept { return slot(num_slots) + i * kTermLen; }
    std::size_t len() const noexcept { return term(num_terms); }
  };

  // Hot is what every read needs, followed by one XaesKey per term.
  struct Hot {
    CmacKey location;
    SivKey name;
  };

  static Result<Shape> shape_of(std::span<const std::uint8_t> bytes) {
    const Error corrupt{Code::corrupt, "the keyring was not of its stored form"};
    if (bytes.size() < kFixedLen) return corrupt;
    if (get_be(bytes.first<2>()) != kFormat) {
      return Error{Code::unsupported, "the keyring was of form " +
                                          std::to_string(get_be(bytes.first<2>())) +
                                          "; this program knows form 1"};
    }
    const Shape shape{static_cast<std::size_t>(get_be(bytes.subspan(2).first<2>())),
                      static_cast<std::size_t>(get_be(bytes.subspan(4).first<4>()))};
    if (shape.num_slots > kMaxSlots || shape.num_terms == 0 || shape.num_terms > kMaxTerms) {
      return corrupt;
    }
    if (bytes.size() != shape.len()) return corrupt;
    const std::uint64_t first = get_be(bytes.subspan(shape.term(0)).first<4>());
    for (std::size_t i = 0; i < shape.num_terms; ++i) {
      if (get_be(bytes.subspan(shape.term(i)).first<4>()) != first + i || first == 0)
        return corrupt;
    }
    return shape;
  }

  Keyring() = default;

  void schedule() noexcept {
    const auto bytes = plain_.reveal();
    auto& hot = *reinterpret_cast<Hot*>(hot_.reveal_mutable().data());
    set_key(hot.location, bytes.subspan(kLocationAt).first<kKeyLen>());
    set_key(hot.name, bytes.subspan(kNameAt).first<kSivKeyLen>());
    auto* term = reinterpret_cast<XaesKey*>(hot_.reveal_mutable().data() + sizeof(Hot));
    for (std::size_t i = 0; i < shape_.num_terms; ++i) {
      set_key(term[i], bytes.subspan(shape_.term(i) + 12).first<kKeyLen>());
    }
    first_term_ = static_cast<TermId>(get_be(bytes.subspan(shape_.term(0)).first<4>()));
  }

  const Hot& hot() const noexcept { return *reinterpret_cast<const Hot*>(hot_.reveal().data()); }
  const XaesKey* terms() const noexcept {
    return reinterpret_cast<const XaesKey*>(hot_.reveal().data() + sizeof(Hot));
  }

  Shape shape_;
  TermId first_term_ = 0;
  SecretBytes plain_;  // the stored form
  SecretBytes hot_;    // Hot, then the terms: key schedules
};

}  // namespace strongroom
