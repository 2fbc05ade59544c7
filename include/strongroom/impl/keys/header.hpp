// header.hpp: the one record that opens a store: id, generation, lock flag, unseal slots, keyring.
//
// It is replaced as a whole, by compare-and-set, and kept twice. Nothing in it is secret as stored: the
// root key is wrapped in each slot, and the keyring is sealed under the root key. Each slot
// authenticates itself, so that a damaged slot is detected and the others still open.
// FORMAT.md, "Header record", lists the bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/crypto/digest.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/impl/keys/slot_key.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

inline constexpr std::uint16_t kHeaderFormat = 2;
inline constexpr std::size_t kMaxHeaderLen = std::size_t{256} << 10;

struct Slot {
  SlotId id = 0;
  SlotKind kind = SlotKind::key;
  std::uint8_t threshold = 0;  // of shares
  std::uint8_t shares = 0;
  std::uint8_t reserved = 0;  // zero in all known kinds
  std::uint64_t created_ms = 0;
  // By kind: a set id and one hash per share, in the order in which they were handed out, and the
  // wrapped shares. Then, for a known kind, the wrapped root key.
  std::vector<std::uint8_t> body;

  bool known() const noexcept { return has_shares(kind) || has_key(kind); }

  std::span<const std::uint8_t> set() const noexcept {
    return std::span(body).first(sizeof(ShareSetId));
  }
  std::span<const std::uint8_t> share_hash(std::size_t i) const noexcept {
    return std::span(body).subspan(sizeof(ShareSetId) + i * sizeof(Digest), sizeof(Digest));
  }

  // wrapped_shares returns them in the order in which they were handed out; none when they are malformed.
  std::vector<WrappedShare> wrapped_shares() const;

  bool well_formed() const;

  void encode(Writer& out) const;

  // context is what the wrapped root key is bound to: the whole slot except the wrapped key itself.
  std::vector<std::uint8_t> context(const StoreId& store) const;

  // fixed_digest is the digest of everything that stays when the root key changes.
  Digest fixed_digest(const StoreId& store) const {
    return known() && body.size() >= kWrappedRootLen ? digest(context(store)) : digest(body);
  }

  // open unwraps the root key. Errors  corrupt: another slot key, or damage.
  Result<SecretBytes> open(const StoreId& store, SecretView slot_key) const;

  // wrap writes the wrapped root key to the end of the body, which already has room for it.
  Result<void> wrap(const StoreId& store, SecretView wrap_key, SecretView root);

 private:
  std::size_t hashes_len() const noexcept { return sizeof(ShareSetId) + shares * sizeof(Digest); }

  void encode_label(Writer& out) const;
};

// share_hash is what the header keeps of a share (33 bytes of which 32 are random).
inline Digest share_hash(const StoreId& store, const ShareSetId& set, SecretView share) noexcept {
  return digest(store, set, share.reveal());
}

struct Header {
  StoreId store{};
  std::uint64_t generation = 0;
  bool locked = false;
  std::uint64_t locked_ms = 0;  // when it was locked, by the clock of the process that did it
  std::uint32_t max_secret_len = kDefaultMaxSecretLen;
  std::vector<Slot> slots;
  std::vector<std::uint8_t> sealed_keyring;
  bool damaged = false;  // not stored: the digest at the end of the record did not match

  // encode returns the record. Errors  too_large: over 256 KiB; remove slots or retire terms.
  Result<std::vector<std::uint8_t>> encode() const;

  // decode reads a record. A record whose digest is wrong but whose fields can be read comes back
  // with damaged set: its slots and keyring authenticate themselves.
  // Errors  corrupt: it cannot be read.  unsupported: of a newer format.
  static Result<Header> decode(std::span<const std::uint8_t> record);

  Digest slots_digest() const;

  // keyring_context is what the sealed keyring is bound to. It does not include the lock flag: anybody
  // that can write the record may set the flag without a key, to seal a store in an emergency.
  std::vector<std::uint8_t> keyring_context() const;

  // state_digest is the digest of what every change replaces: the sealed keyring, whose nonce is fresh
  // and which holds the digest of the slots. The lock flag is not part of it.
  Digest state_digest() const { return digest(keyring_context(), sealed_keyring); }

  const Slot* slot(SlotId id) const noexcept;

  // fixed_table is the digest of the part of the slot table that stays when the root key changes.
  Digest fixed_table() const;

  // seal_keyring seals the keyring for this generation and slot table.
  Result<void> seal_keyring(const Keyring& keyring, SecretView root);

  // open_keyring opens and checks the keyring.
  // Errors  corrupt: another root key, or damage, or a slot table that does not match the keyring.
  Result<Keyring> open_keyring(SecretView root) const;

 private:
  static constexpr std::array<std::uint8_t, 4> kMagic = {'S', 'R', 'H', 'D'};
  static constexpr std::uint16_t kLocked = 1;

  static Slot decode_slot(Reader& in);

  bool slots_well_formed() const;
};

}  // namespace strongroom
