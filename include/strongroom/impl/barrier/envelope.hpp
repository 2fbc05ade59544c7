// envelope.hpp: what one secret looks like once it has left the barrier.
//
// An envelope opens only with this keyring, in this store, at this location, as this kind of
// record, in this term and revision. An envelope that was moved, renamed or relabelled is corrupt.
// Nothing here does I/O or writes anything out in clear: a failed open leaves no plaintext behind.
//
//    0  version 1 | 1  suite 1 | 2  kind | 3  zero | 4  term (4) | 8  revision (8) | 16  nonce (24)
//   40  ciphertext of: metadata block (16), value | tag (16)
//
// Suite 1 is XAES-256-GCM under the term's data key. Bytes 0..15, the location and the store id are
// associated data. The nonce need not be, since another nonce derives another key.
// Source  C2SP XAES-256-GCM.md; NIST SP 800-38D.  FORMAT.md has a worked example.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

using Location = Block;

enum class RecordKind : std::uint8_t { secret = 1, tombstone = 2 };

struct Metadata {
  Content content = Content::binary;
  std::uint64_t created_ms = 0;  // of this incarnation; 48 bits are kept
  std::uint64_t changed_ms = 0;
};

inline constexpr std::size_t kEnvelopeHeaderLen = 40;
inline constexpr std::size_t kMetadataLen = 16;
inline constexpr std::size_t kEnvelopeOverhead = kEnvelopeHeaderLen + kMetadataLen + kTagLen;

// Place is where an envelope belongs; it is bound, not written.
struct Place {
  const StoreId& store;
  const Location& location;
};

// Opened is what an envelope held.
struct Opened {
  RecordKind kind = RecordKind::secret;
  TermId term = 0;
  Revision revision{};
  Metadata metadata;
  SecretBytes value;
};

namespace detail {

inline constexpr std::size_t kBoundHeaderLen = 16;
using Associated = std::array<std::uint8_t, kBoundHeaderLen + sizeof(Location) + sizeof(StoreId)>;

// associated returns what an envelope is bound to besides its key: FORMAT.md, "Envelope".
Associated associated(std::span<const std::uint8_t> header, const Place& place) noexcept;

// corrupt returns the error for an envelope that did not open.
inline Error corrupt(const char* why) {
  return {Code::corrupt, std::string("an envelope ") + why};
}

}  // namespace detail

// seal_envelope seals one value for one place, under the active term.
//
// value    any length; borrowed.
// out      exactly kEnvelopeOverhead + value.size() bytes; must not overlap value.
// Errors   internal: no randomness.  unavailable: no locked memory.  out then holds no plaintext.
// Threads  any number at once.
Result<void> seal_envelope(const Keyring& keyring, const Place& place, RecordKind kind,
                           Revision revision, const Metadata& metadata, SecretView value,
                           std::span<std::uint8_t> out);

// open_envelope returns what an envelope held, with the value in the arena.
//
// envelope  borrowed; must not change during the call (so copy memory that other processes map).
// Errors    corrupt: not made by this store's keys for this place, or damaged, or cut short.
//           unsupported: a newer version or suite.  too_large, unavailable: no locked memory.
// Threads   any number at once.
Result<Opened> open_envelope(const Keyring& keyring, const Place& place,
                             std::span<const std::uint8_t> envelope);

// open_in_place is open_envelope for an envelope that is already in opened.value: no second copy.
Result<void> open_in_place(const Keyring& keyring, const Place& place, Opened& opened);

// reseal_envelope seals what an envelope holds, bit for bit, under the active term: same kind, same
// revision, fresh nonce.
//
// envelope  in secret memory; opened in place, and wiped by the caller.
// out       as large as the envelope; must not overlap it.
// Errors    as open_envelope and seal_envelope; out then holds no plaintext.
Result<void> reseal_envelope(const Keyring& keyring, const Place& place, SecretBytes& envelope,
                             std::span<std::uint8_t> out);

}  // namespace strongroom
