// header.hpp: the one record that opens a store: id, generation, lock flag, unseal slots, keyring.
//
// It is replaced whole, by compare-and-set, and kept twice. Nothing in it is secret as it stands:
// the root key is wrapped in each slot, the keyring sealed under the root key. Each slot
// authenticates itself, so that a damaged one is told and the others still open.
// FORMAT.md, "Header record", lists the bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/aead.hpp"
#include "strongroom/codec.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/keyring.hpp"
#include "strongroom/result.hpp"
#include "strongroom/sealed_blob.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

inline constexpr std::uint16_t kHeaderFormat = 1;
inline constexpr std::size_t kMaxHeaderLen = std::size_t{256} << 10;
inline constexpr std::uint32_t kDefaultMaxSecretLen = 1'048'576;
inline constexpr std::uint32_t kMaxMaxSecretLen = 64u << 20;

// SlotKind says what opens a slot. A kind that this program does not know is carried along as it
// is.
enum class SlotKind : std::uint8_t { shares = 1, key = 2 };

struct Slot {
  SlotId id = 0;
  SlotKind kind = SlotKind::key;
  std::uint8_t threshold = 0;  // of shares
  std::uint8_t shares = 0;
  std::uint8_t reserved = 0;  // zero in the kinds of today
  std::uint64_t created_ms = 0;
  std::vector<std::uint8_t>
      body;  // by kind; the last 72 bytes of a known kind are the wrapped root key

  static constexpr std::size_t kWrappedLen = kBlobOverhead + kKeyLen;

  // Of a slot of shares: its set id, then one hash per share in order of handing out.
  std::span<const std::uint8_t> set() const noexcept {
    return std::span(body).first(sizeof(ShareSetId));
  }
  std::span<const std::uint8_t> share_hash(std::size_t i) const noexcept {
    return std::span(body).subspan(sizeof(ShareSetId) + i * sizeof(Digest), sizeof(Digest));
  }
  std::span<const std::uint8_t> wrapped() const noexcept {
    return std::span(body).last(kWrappedLen);
  }

  bool well_formed() const noexcept {
    switch (kind) {
      case SlotKind::shares:
        return reserved == 0 && shares > 0 && threshold > 0 && threshold <= shares &&
               body.size() == sizeof(ShareSetId) + shares * sizeof(Digest) + kWrappedLen;
      case SlotKind::key:
        return reserved == 0 && threshold == 0 && shares == 0 && body.size() == kWrappedLen;
    }
    return true;  // of a later kind
  }

  void encode(Writer& out) const {
    encode_label(out);
    out.bytes(body);
  }

  // context is what the wrapped root key is bound to: all of the slot but the wrapping itself.
  std::vector<std::uint8_t> context(const StoreId& store) const {
    Writer out;
    constexpr std::string_view label = "strongroom slot";
    out.bytes({reinterpret_cast<const std::uint8_t*>(label.data()), label.size()});
    out.bytes(store);
    encode_label(out);
    out.bytes(std::span(body).first(body.size() - kWrappedLen));
    return std::move(out).take();
  }

  // open unwraps the root key. Errors  corrupt: another slot key, or damage.
  Result<SecretBytes> open(const StoreId& store, SecretView slot_key) const {
    if (body.size() < kWrappedLen) return Error{Code::corrupt, "an unseal slot was cut short"};
    return open_blob(slot_key, context(store), wrapped());
  }

  // wrap puts the root key, wrapped for slot_key, at the end of a body that lacks it so far.
  Result<void> wrap(const StoreId& store, SecretView slot_key, SecretView root) {
    body.resize(body.size() + kWrappedLen);
    auto blob = seal_blob(slot_key, context(store), root);
    if (!blob) return std::move(blob).error();
    std::copy(blob->begin(), blob->end(), body.end() - static_cast<std::ptrdiff_t>(kWrappedLen));
    return {};
  }

 private:
  void encode_label(Writer& out) const {
    out.u32(id);
    out.u8(static_cast<std::uint8_t>(kind));
    out.u8(threshold);
    out.u8(shares);
    out.u8(reserved);
    out.u64(created_ms);
    out.u32(static_cast<std::uint32_t>(body.size()));
  }
};

// share_hash is what the header keeps of a share (33 bytes of which 32 are random).
inline Digest share_hash(const StoreId& store, const ShareSetId& set, SecretView share) noexcept {
  return digest(store, set, share.reveal());
}

struct Header {
  StoreId store{};
  std::uint64_t generation = 0;
  bool locked = false;
  std::uint32_t max_secret_len = kDefaultMaxSecretLen;
  std::vector<Slot> slots;
  std::vector<std::uint8_t> sealed_keyring;
  bool damaged = false;  // not stored: the digest at the end of the record did not match

  // encode gives the record. Errors  too_large: over 256 KiB; fewer slots or terms would do.
  Result<std::vector<std::uint8_t>> encode() const {
    Writer out;
    out.bytes(kMagic);
    out.u16(kHeaderFormat);
    out.u16(locked ? kLocked : 0);
    out.bytes(store);
    out.u64(generation);
    out.u32(max_secret_len);
    out.u16(static_cast<std::uint16_t>(slots.size()));
    out.u16(0);
    for (const Slot& slot : slots) slot.encode(out);
    out.u32(static_cast<std::uint32_t>(sealed_keyring.size()));
    out.bytes(sealed_keyring);
    // What was damaged stays known as damaged: a digest over it would pass it off as whole.
    out.bytes(damaged ? Digest{} : digest(out.view()));
    if (out.size() > kMaxHeaderLen) {
      return Error{Code::too_large,
                   "the header would have been larger than 256 KiB; remove slots or "
                   "retire terms"};
    }
    return std::move(out).take();
  }

  // decode reads a record. A record whose digest is wrong but whose fields can be read comes back
  // with damaged set: its slots and keyring authenticate themselves.
  // Errors  corrupt: it can not be read.  unsupported: of a newer format.
  static Result<Header> decode(std::span<const std::uint8_t> record) {
    const Error corrupt{Code::corrupt, "the header record was damaged"};
    Reader in(record);
    std::array<std::uint8_t, 4> magic{};
    in.copy(magic);
    const std::uint16_t format = in.u16();
    if (!in.ok() || magic != kMagic || record.size() > kMaxHeaderLen) return corrupt;
    if (format != kHeaderFormat) {
      return Error{format > kHeaderFormat ? Code::unsupported : Code::corrupt,
                   "the store is of format " + std::to_string(format) +
                       "; this program knows format " + std::to_string(kHeaderFormat)};
    }
    Header header;
    const std::uint16_t flags = in.u16();
    header.locked = (flags & kLocked) != 0;
    in.copy(header.store);
    header.generation = in.u64();
    header.max_secret_len = in.u32();
    const std::size_t num_slots = in.u16();
    const std::uint16_t reserved = in.u16();
    if (!in.ok() || num_slots > kMaxSlots) return corrupt;
    for (std::size_t i = 0; i < num_slots; ++i) header.slots.push_back(decode_slot(in));
    const auto keyring = in.bytes(in.u32());
    header.sealed_keyring.assign(keyring.begin(), keyring.end());
    const std::size_t body_len = record.size() - in.left();
    Digest stored{};
    in.copy(stored);
    if (!in.ok() || in.left() != 0 || header.max_secret_len > kMaxMaxSecretLen) return corrupt;
    header.damaged = stored != digest(record.first(body_len)) || (flags & ~kLocked) != 0 ||
                     reserved != 0 || !header.slots_well_formed();
    return header;
  }

  Digest slots_digest() const {
    Writer out;
    for (const Slot& slot : slots) slot.encode(out);
    return digest(out.view());
  }

  // keyring_context is what the sealed keyring is bound to. The lock flag is not in it: whoever can
  // write the record may set it without a key, so that a store can be sealed in an emergency.
  std::vector<std::uint8_t> keyring_context() const {
    Writer out;
    constexpr std::string_view label = "strongroom keyring";
    out.bytes({reinterpret_cast<const std::uint8_t*>(label.data()), label.size()});
    out.u16(kHeaderFormat);
    out.bytes(store);
    out.u64(generation);
    out.u32(max_secret_len);
    return std::move(out).take();
  }

  // seal_keyring seals the keyring for this generation and slot table.
  Result<void> seal_keyring(const Keyring& keyring, SecretView root) {
    auto stored = keyring.stored(generation, slots_digest());
    if (!stored) return std::move(stored).error();
    auto blob = seal_blob(root, keyring_context(), stored->view());
    if (!blob) return std::move(blob).error();
    sealed_keyring = std::move(blob).value();
    return {};
  }

  // open_keyring opens and checks it.
  // Errors  corrupt: another root key, or damage, or a slot table that is not the sealed one.
  Result<Keyring> open_keyring(SecretView root) const {
    auto plain = open_blob(root, keyring_context(), sealed_keyring);
    if (!plain) return std::move(plain).error();
    auto keyring = Keyring::from(std::move(plain).value());
    if (!keyring) return keyring;
    const Digest slots_now = slots_digest();
    const bool slots_match =
        sodium_memcmp(keyring->slots_digest().data(), slots_now.data(), slots_now.size()) == 0;
    if (keyring->generation() != generation || (!slots_match && !damaged)) {
      return Error{Code::corrupt, "the header record did not match its keyring"};
    }
    return keyring;
  }

 private:
  static constexpr std::array<std::uint8_t, 4> kMagic = {'S', 'R', 'H', 'D'};
  static constexpr std::uint16_t kLocked = 1;

  static Slot decode_slot(Reader& in) {
    Slot slot;
    slot.id = in.u32();
    slot.kind = static_cast<SlotKind>(in.u8());
    slot.threshold = in.u8();
    slot.shares = in.u8();
    slot.reserved = in.u8();
    slot.created_ms = in.u64();
    const auto body = in.bytes(in.u32());
    slot.body.assign(body.begin(), body.end());
    return slot;
  }

  bool slots_well_formed() const noexcept {
    for (const Slot& slot : slots) {
      if (!slot.well_formed()) return false;
    }
    return true;
  }
};

}  // namespace strongroom
