// header.ipp: the bodies of header.hpp.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/crypto/digest.hpp"
#include "strongroom/impl/crypto/sealed_blob.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/impl/keys/slot_key.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

std::vector<WrappedShare> Slot::wrapped_shares() const {
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

bool Slot::well_formed() const {
  if (!known()) return true;
  if (has_key(kind)) {
    return reserved == 0 && threshold == 0 && shares == 0 && body.size() == kWrappedRootLen;
  }
  if (reserved != 0 || shares == 0 || threshold == 0 || threshold > shares) return false;
  if (kind == SlotKind::shares) return body.size() == hashes_len() + kWrappedRootLen;
  return !wrapped_shares().empty();
}

void Slot::encode(Writer& out) const {
  encode_label(out);
  out.bytes(body);
}

std::vector<std::uint8_t> Slot::context(const StoreId& store) const {
  Writer out;
  constexpr std::string_view label = "strongroom slot";
  out.bytes({reinterpret_cast<const std::uint8_t*>(label.data()), label.size()});
  out.bytes(store);
  encode_label(out);
  out.bytes(std::span(body).first(body.size() - kWrappedRootLen));
  return std::move(out).take();
}

Result<SecretBytes> Slot::open(const StoreId& store, SecretView slot_key) const {
  if (body.size() < kWrappedRootLen) return Error{Code::corrupt, "an unseal slot was cut short"};
  return unwrap_root(slot_key, context(store), std::span(body).last(kWrappedRootLen));
}

Result<void> Slot::wrap(const StoreId& store, SecretView wrap_key, SecretView root) {
  STRONGROOM_ASSIGN(wrapped, wrap_root(wrap_key, context(store), root));
  std::copy(wrapped.begin(), wrapped.end(),
            body.end() - static_cast<std::ptrdiff_t>(kWrappedRootLen));
  return {};
}

void Slot::encode_label(Writer& out) const {
  out.u32(id);
  out.u8(static_cast<std::uint8_t>(kind));
  out.u8(threshold);
  out.u8(shares);
  out.u8(reserved);
  out.u64(created_ms);
  out.u32(static_cast<std::uint32_t>(body.size()));
}

Result<std::vector<std::uint8_t>> Header::encode() const {
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
  // A damaged header stays marked as damaged: a digest over it would make it look sound.
  out.bytes(damaged ? Digest{} : digest(out.view()));
  if (out.size() > kMaxHeaderLen) {
    return Error{Code::too_large,
                 "the header would have been larger than 256 KiB; remove slots or "
                 "retire terms"};
  }
  return std::move(out).take();
}

Result<Header> Header::decode(std::span<const std::uint8_t> record) {
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

Digest Header::slots_digest() const {
  Writer out;
  for (const Slot& slot : slots) slot.encode(out);
  return digest(out.view());
}

std::vector<std::uint8_t> Header::keyring_context() const {
  Writer out;
  constexpr std::string_view label = "strongroom keyring";
  out.bytes({reinterpret_cast<const std::uint8_t*>(label.data()), label.size()});
  out.u16(kHeaderFormat);
  out.bytes(store);
  out.u64(generation);
  out.u32(max_secret_len);
  return std::move(out).take();
}

const Slot* Header::slot(SlotId id) const noexcept {
  const auto found =
      std::find_if(slots.begin(), slots.end(), [&](const Slot& each) { return each.id == id; });
  return found == slots.end() ? nullptr : &*found;
}

Digest Header::fixed_table() const {
  Writer out;
  for (const Slot& each : slots) {
    out.u32(each.id);
    out.bytes(each.fixed_digest(store));
  }
  return digest(out.view());
}

Result<void> Header::seal_keyring(const Keyring& keyring, SecretView root) {
  STRONGROOM_ASSIGN(stored, keyring.stored(generation, slots_digest()));
  STRONGROOM_ASSIGN(blob, seal_blob(root, keyring_context(), stored.view()));
  sealed_keyring = std::move(blob);
  return {};
}

Result<Keyring> Header::open_keyring(SecretView root) const {
  STRONGROOM_ASSIGN(plain, open_blob(root, keyring_context(), sealed_keyring));
  auto keyring = Keyring::from(std::move(plain));
  STRONGROOM_TRY(keyring);
  const Digest slots_now = slots_digest();
  const bool slots_match =
      sodium_memcmp(keyring->slots_digest().data(), slots_now.data(), slots_now.size()) == 0;
  if (keyring->generation() != generation || (!slots_match && !damaged)) {
    return Error{Code::corrupt, "the header record did not match its keyring"};
  }
  return keyring;
}

Slot Header::decode_slot(Reader& in) {
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

bool Header::slots_well_formed() const {
  for (const Slot& slot : slots) {
    if (!slot.well_formed()) return false;
  }
  return true;
}

}  // namespace strongroom
