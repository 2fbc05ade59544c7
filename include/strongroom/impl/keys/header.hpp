// header.hpp: the one record that opens a store: id, generation, lock flag, unseal slots, keyring.
//
// It is replaced whole, by compare-and-set, and kept twice. Nothing in it is secret as it stands:
// the root key is wrapped in each slot, the keyring sealed under the root key. Each slot
// authenticates itself, so that a damaged one is told and the others still open.
// FORMAT.md, "Header record", lists the bytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/credential.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/crypto/sealed_blob.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/impl/keys/slot_key.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

inline constexpr std::uint16_t kHeaderFormat = 2;
inline constexpr std::size_t kMaxHeaderLen = std::size_t{256} << 10;
inline constexpr std::uint32_t kDefaultMaxSecretLen = 1'048'576;
inline constexpr std::uint32_t kMaxMaxSecretLen = 64u << 20;

// SlotKind says what opens a slot, and where a person finds it. A kind that this program does not
// know is carried along as it is.
enum class SlotKind : std::uint8_t {
  shares = 1,             // threshold of its shares
  key = 2,                // a key file
  wrapped_shares = 3,     // shares, each wrapped to somebody's OpenPGP key and kept here
  environment = 4,        // a key handed over in an environment variable
  system_credential = 5,  // a key handed over by systemd (LoadCredential=)
};

constexpr bool has_shares(SlotKind kind) noexcept {
  return kind == SlotKind::shares || kind == SlotKind::wrapped_shares;
}
constexpr bool has_key(SlotKind kind) noexcept {
  return kind == SlotKind::key || kind == SlotKind::environment ||
         kind == SlotKind::system_credential;
}

struct Slot {
  SlotId id = 0;
  SlotKind kind = SlotKind::key;
  std::uint8_t threshold = 0;  // of shares
  std::uint8_t shares = 0;
  std::uint8_t reserved = 0;  // zero in the kinds of today
  std::uint64_t created_ms = 0;
  // By kind: a set id and one hash per share in order of handing out, and the wrapped shares; then,
  // of a known kind, the wrapped root key.
  std::vector<std::uint8_t> body;

  bool known() const noexcept { return has_shares(kind) || has_key(kind); }

  std::span<const std::uint8_t> set() const noexcept {
    return std::span(body).first(sizeof(ShareSetId));
  }
  std::span<const std::uint8_t> share_hash(std::size_t i) const noexcept {
    return std::span(body).subspan(sizeof(ShareSetId) + i * sizeof(Digest), sizeof(Digest));
  }

  // wrapped_shares gives them in order of handing out; none where they are not well-formed.
  std::vector<WrappedShare> wrapped_shares() const {
    std::vector<WrappedShare> found;
    if (kind != SlotKind::wrapped_shares || body.size() < hashes_len() + kWrappedRootLen) return {};
    const std::span<const std::uint8_t> all(body);
    Reader in(all.subspan(hashes_len(), all.size() - hashes_len() - kWrappedRootLen));
    for (unsigned i = 0; i < shares; ++i) {
      const auto fingerprint = in.bytes(in.u8());
      const auto message = in.bytes(in.u16());
      found.push_back({{fingerprint.begin(), fingerprint.end()}, {message.begin(), message.end()}});
    }
    if (!in.ok() || in.left() != 0) return {};
    return found;
  }

  bool well_formed() const {
    if (!known()) return true;
    if (has_key(kind)) {
      return reserved == 0 && threshold == 0 && shares == 0 && body.size() == kWrappedRootLen;
    }
    if (reserved != 0 || shares == 0 || threshold == 0 || threshold > shares) return false;
    if (kind == SlotKind::shares) return body.size() == hashes_len() + kWrappedRootLen;
    return !wrapped_shares().empty();
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
    out.bytes(std::span(body).first(body.size() - kWrappedRootLen));
    return std::move(out).take();
  }

  // fixed_digest is of all that stays when the root key changes.
  Digest fixed_digest(const StoreId& store) const {
    return known() && body.size() >= kWrappedRootLen ? digest(context(store)) : digest(body);
  }

  // open unwraps the root key. Errors  corrupt: another slot key, or damage.
  Result<SecretBytes> open(const StoreId& store, SecretView slot_key) const {
    if (body.size() < kWrappedRootLen) return Error{Code::corrupt, "an unseal slot was cut short"};
    return unwrap_root(slot_key, context(store), std::span(body).last(kWrappedRootLen));
  }

  // wrap writes the root key, wrapped, to the end of the body, where there is room for it already.
  Result<void> wrap(const StoreId& store, SecretView wrap_key, SecretView root) {
    auto wrapped = wrap_root(wrap_key, context(store), root);
    if (!wrapped) return std::move(wrapped).error();
    std::copy(wrapped->begin(), wrapped->end(),
              body.end() - static_cast<std::ptrdiff_t>(kWrappedRootLen));
    return {};
  }

 private:
  std::size_t hashes_len() const noexcept { return sizeof(ShareSetId) + shares * sizeof(Digest); }

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
  std::uint64_t locked_ms = 0;  // when that was, by the clock of who did it
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
    out.u64(locked ? locked_ms : 0);
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
      return Error{Code::unsupported, "the store is of format " + std::to_string(format) +
                                          "; this program knows format " +
                                          std::to_string(kHeaderFormat)};
    }
    Header header;
    const std::uint16_t flags = in.u16();
    header.locked = (flags & kLocked) != 0;
    in.copy(header.store);
    header.generation = in.u64();
    header.max_secret_len = in.u32();
    const std::size_t num_slots = in.u16();
    const std::uint16_t reserved = in.u16();
    header.locked_ms = in.u64();
    if (!in.ok() || num_slots > kMaxSlots) return corrupt;
    for (std::size_t i = 0; i < num_slots; ++i) header.slots.push_back(decode_slot(in));
    const auto keyring = in.bytes(in.u32());
    header.sealed_keyring.assign(keyring.begin(), keyring.end());
    const std::size_t body_len = record.size() - in.left();
    Digest stored{};
    in.copy(stored);
    if (!in.ok() || in.left() != 0 || header.max_secret_len > kMaxMaxSecretLen) return corrupt;
    const bool odd_flags = (flags & ~kLocked) != 0 || (!header.locked && header.locked_ms != 0);
    header.damaged = stored != digest(record.first(body_len)) || odd_flags || reserved != 0 ||
                     !header.slots_well_formed();
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

  // state_digest is of what every change moves: the sealed keyring, whose nonce is fresh and which
  // holds the digest of the slots. The lock flag is no part of it.
  Digest state_digest() const { return digest(keyring_context(), sealed_keyring); }

  const Slot* slot(SlotId id) const noexcept {
    const auto found =
        std::find_if(slots.begin(), slots.end(), [&](const Slot& each) { return each.id == id; });
    return found == slots.end() ? nullptr : &*found;
  }

  // fixed_table is the slot table as far as a new root key leaves it alone.
  Digest fixed_table() const {
    Writer out;
    for (const Slot& each : slots) {
      out.u32(each.id);
      out.bytes(each.fixed_digest(store));
    }
    return digest(out.view());
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

  bool slots_well_formed() const {
    for (const Slot& slot : slots) {
      if (!slot.well_formed()) return false;
    }
    return true;
  }
};

}  // namespace strongroom
