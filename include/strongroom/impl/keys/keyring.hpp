// keyring.hpp: the keys of an unsealed store, in locked memory, and their sealed form.
//
// The keyring holds one random data key per term, the key that places records, the key that seals
// names, the audit key, and a wrap key per slot. With the wrap keys, an unsealed store wraps a new root
// key for its slots by itself (slot_key.hpp explains why it cannot unwrap). A keyring is immutable: a
// change makes a new one. It must never be copied outside key memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/keys/slot_key.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

inline constexpr std::size_t kMaxTerms = 1024;
inline constexpr std::size_t kMaxSlots = 64;

// now_ms is the time as the store writes it: milliseconds since 1970, UTC.
std::uint64_t now_ms() noexcept;

// KeyringSlot is what the keyring keeps of a slot: its wrap key, and a digest of the slot without the
// wrapped root key. The digest shows whether the slot is damaged.
struct KeyringSlot {
  SlotId id = 0;
  SecretView wrap_key;
  std::span<const std::uint8_t> digest;
};

// KeyringEdit says how a new keyring differs from the one before it.
struct KeyringEdit {
  std::span<const KeyringSlot> add;
  std::span<const SlotId> remove;
  bool new_term = false;       // one more random data key, which becomes the active one
  TermId first_term = 0;       // terms before this one are dropped; 0: none
  Revision policy_revision{};  // 0: as it was
};

class Keyring {
 public:
  // create makes a keyring with fresh random keys, one term and no slots.
  static Result<Keyring> create();

  // from takes a keyring in its stored form (FORMAT.md, "Keyring").
  // Errors  corrupt: not of that form.  unsupported: of a newer form.
  static Result<Keyring> from(SecretBytes plain);

  // edited returns this keyring with some changes.
  // Errors  too_large: more than 1,024 terms or 64 slots.  invalid: an impossible slot or term.
  Result<Keyring> edited(const KeyringEdit& edit) const;

  // with_new_term is edited with new_term and nothing else.
  Result<Keyring> with_new_term() const;

  // stored returns a copy of the stored form, with generation and the digest of the slot table in it.
  Result<SecretBytes> stored(std::uint64_t generation,
                             std::span<const std::uint8_t, 32> slots_digest) const;

  std::uint64_t generation() const noexcept {
    return get_be(plain_.reveal().subspan(8).first<8>());
  }
  std::span<const std::uint8_t> slots_digest() const noexcept {
    return plain_.reveal().subspan(16, 32);
  }

  // policy_revision counts the changes of the stored policies; 0: there have been none. The index of the
  // policies must carry the same number.
  Revision policy_revision() const noexcept {
    return Revision(get_be(plain_.reveal().subspan(kPolicyRevisionAt).first<8>()));
  }

  // intact is false in a forked child, where every key reads as zeros.
  bool intact() const noexcept { return hot_.intact(); }

  std::size_t num_terms() const noexcept { return shape_.num_terms; }
  TermId first_term() const noexcept { return first_term_; }
  TermId active_term() const noexcept {
    return first_term_ + static_cast<TermId>(shape_.num_terms) - 1;
  }
  // term returns the data key of one term; null when the keyring does not have it.
  const XaesKey* term(TermId id) const noexcept;
  const CmacKey& location_key() const noexcept { return hot().location; }
  const SivKey& name_key() const noexcept { return hot().name; }

  // slot returns what is kept of one slot; its wrap key is empty when there is no such slot.
  KeyringSlot slot(SlotId id) const noexcept;
  std::size_t num_slots() const noexcept { return shape_.num_slots; }
  std::vector<SlotId> slot_ids() const;
  // next_slot is the id that the next slot gets: ids are never reused.
  SlotId next_slot() const noexcept {
    return static_cast<SlotId>(get_be(plain_.reveal().subspan<kNextSlotAt, 4>()));
  }
  // term_created_ms is when a term of the keyring was made.
  std::uint64_t term_created_ms(TermId id) const noexcept;

 private:
  static constexpr std::uint16_t kForm = 2;
  static constexpr std::size_t kFixedLen = 192;
  static constexpr std::size_t kDigestLen = 32;
  static constexpr std::size_t kSlotLen = 4 + kWrapKeyLen + kDigestLen;
  static constexpr std::size_t kTermLen = 4 + 8 + kKeyLen;
  static constexpr std::size_t kLocationAt = 48;
  static constexpr std::size_t kNameAt = 80;
  static constexpr std::size_t kNextSlotAt = 176;
  static constexpr std::size_t kPolicyRevisionAt = 180;

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

  static Result<Shape> shape_of(std::span<const std::uint8_t> bytes);

  // make_term writes a fresh data key.
  static Result<void> make_term(std::span<std::uint8_t> out, TermId id);

  // edit_slots writes the slots that stay, then the added ones.
  Result<void> edit_slots(const KeyringEdit& edit, const Shape& shape,
                          std::span<std::uint8_t> out) const;

  static Error no_such_slot() {
    return {Code::invalid, "a slot to be removed was not in the keyring, or named twice"};
  }

  static std::ptrdiff_t diff(std::size_t at) noexcept { return static_cast<std::ptrdiff_t>(at); }

  KeyringSlot slot_at(std::size_t i) const noexcept;

  Keyring() = default;

  void schedule() noexcept;

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
