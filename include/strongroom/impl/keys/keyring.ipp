// keyring.ipp: the bodies of keyring.hpp.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/crypto/aead.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/impl/keys/slot_key.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

std::uint64_t now_ms() noexcept {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  return ms > 0 ? static_cast<std::uint64_t>(ms) : 0;
}

Result<Keyring> Keyring::create() {
  const Shape shape{0, 1};
  STRONGROOM_ASSIGN(plain, SecretBytes::for_key(shape.len()));
  const auto bytes = plain.reveal_mutable();
  const auto keys = bytes.subspan(kLocationAt, kNextSlotAt - kLocationAt);
  STRONGROOM_TRY(random_bytes(keys));
  put_be(bytes.first<2>(), kForm);
  put_be(bytes.subspan<4, 4>(), 1);
  put_be(bytes.subspan<kNextSlotAt, 4>(), 1);
  STRONGROOM_TRY(make_term(bytes.subspan(shape.term(0), kTermLen), 1));
  return from(std::move(plain));
}

Result<Keyring> Keyring::from(SecretBytes plain) {
  STRONGROOM_TRY(check_aes());
  STRONGROOM_ASSIGN(shape, shape_of(plain.reveal()));
  STRONGROOM_ASSIGN(hot, SecretBytes::for_key(sizeof(Hot) + shape.num_terms * sizeof(XaesKey)));
  Keyring keyring;
  keyring.shape_ = shape;
  keyring.plain_ = std::move(plain);
  keyring.hot_ = std::move(hot);
  keyring.schedule();
  return keyring;
}

Result<Keyring> Keyring::edited(const KeyringEdit& edit) const {
  const TermId first = edit.first_term == 0 ? first_term_ : edit.first_term;
  if (first < first_term_ || first > active_term()) {
    return Error{Code::invalid, "there is no data key of term " + std::to_string(first)};
  }
  const std::size_t num_dropped = first - first_term_;
  const std::size_t num_terms = shape_.num_terms - num_dropped;
  const Shape shape{shape_.num_slots + edit.add.size() - edit.remove.size(),
                    num_terms + (edit.new_term ? 1 : 0)};
  if (shape.num_terms > kMaxTerms) {
    return Error{Code::too_large, "the keyring held 1024 terms; retire old ones first"};
  }
  if (shape.num_slots > kMaxSlots) {
    return Error{Code::too_large, "the store had 64 unseal slots; remove some first"};
  }
  STRONGROOM_ASSIGN(plain, SecretBytes::for_key(shape.len()));
  const auto bytes = plain.reveal_mutable();
  std::memcpy(bytes.data(), plain_.reveal().data(), kFixedLen);
  put_be(bytes.subspan<2, 2>(), shape.num_slots);
  put_be(bytes.subspan<4, 4>(), shape.num_terms);
  if (edit.policy_revision != Revision()) {
    put_be(bytes.subspan(kPolicyRevisionAt).first<8>(), edit.policy_revision.value());
  }
  STRONGROOM_TRY(edit_slots(edit, shape, bytes));
  std::memcpy(bytes.data() + shape.term(0), plain_.reveal().data() + shape_.term(num_dropped),
              num_terms * kTermLen);
  if (edit.new_term) {
    STRONGROOM_TRY(make_term(bytes.subspan(shape.term(num_terms), kTermLen), active_term() + 1));
  }
  return from(std::move(plain));
}

Result<Keyring> Keyring::with_new_term() const {
  KeyringEdit edit;
  edit.new_term = true;
  return edited(edit);
}

Result<SecretBytes> Keyring::stored(std::uint64_t generation,
                                    std::span<const std::uint8_t, 32> slots_digest) const {
  auto copy = SecretBytes::copy_key(plain_.reveal());
  STRONGROOM_TRY(copy);
  put_be(copy->reveal_mutable().subspan(8).first<8>(), generation);
  std::memcpy(copy->reveal_mutable().data() + 16, slots_digest.data(), 32);
  return copy;
}

const XaesKey* Keyring::term(TermId id) const noexcept {
  if (id < first_term_ || id > active_term()) return nullptr;
  return terms() + (id - first_term_);
}

KeyringSlot Keyring::slot(SlotId id) const noexcept {
  for (std::size_t i = 0; i < shape_.num_slots; ++i) {
    const KeyringSlot each = slot_at(i);
    if (each.id == id) return each;
  }
  return {};
}

std::vector<SlotId> Keyring::slot_ids() const {
  std::vector<SlotId> ids;
  for (std::size_t i = 0; i < shape_.num_slots; ++i) ids.push_back(slot_at(i).id);
  return ids;
}

std::uint64_t Keyring::term_created_ms(TermId id) const noexcept {
  if (term(id) == nullptr) return 0;
  return get_be(plain_.reveal().subspan(shape_.term(id - first_term_) + 4).first<8>());
}

Result<Keyring::Shape> Keyring::shape_of(std::span<const std::uint8_t> bytes) {
  const Error corrupt{Code::corrupt, "the keyring was not of its stored form"};
  if (bytes.size() < kFixedLen) return corrupt;
  if (get_be(bytes.first<2>()) != kForm) {
    return Error{Code::unsupported, "the keyring was of form " +
                                        std::to_string(get_be(bytes.first<2>())) +
                                        "; this program knows form 2"};
  }
  const Shape shape{static_cast<std::size_t>(get_be(bytes.subspan(2).first<2>())),
                    static_cast<std::size_t>(get_be(bytes.subspan(4).first<4>()))};
  if (shape.num_slots > kMaxSlots || shape.num_terms == 0 || shape.num_terms > kMaxTerms) {
    return corrupt;
  }
  if (bytes.size() != shape.len()) return corrupt;
  const std::uint64_t first = get_be(bytes.subspan(shape.term(0)).first<4>());
  for (std::size_t i = 0; i < shape.num_terms; ++i) {
    if (get_be(bytes.subspan(shape.term(i)).first<4>()) != first + i || first == 0) return corrupt;
  }
  return shape;
}

Result<void> Keyring::make_term(std::span<std::uint8_t> out, TermId id) {
  put_be(out.first<4>(), id);
  put_be(out.subspan<4, 8>(), now_ms());
  return random_bytes(out.subspan(12));
}

Result<void> Keyring::edit_slots(const KeyringEdit& edit, const Shape& shape,
                                 std::span<std::uint8_t> out) const {
  std::size_t num = 0;
  for (std::size_t i = 0; i < shape_.num_slots; ++i) {
    const auto from = plain_.reveal().subspan(shape_.slot(i), kSlotLen);
    const auto id = static_cast<SlotId>(get_be(from.first<4>()));
    if (std::find(edit.remove.begin(), edit.remove.end(), id) != edit.remove.end()) continue;
    if (num == shape.num_slots) return no_such_slot();
    std::copy(from.begin(), from.end(), out.begin() + diff(shape.slot(num++)));
  }
  SlotId next = next_slot();
  for (const KeyringSlot& slot : edit.add) {
    if (num == shape.num_slots || slot.id < next || slot.wrap_key.size() != kWrapKeyLen ||
        slot.digest.size() != kDigestLen) {
      return Error{Code::invalid, "a new slot did not fit the keyring"};
    }
    const auto to = out.subspan(shape.slot(num++), kSlotLen);
    put_be(to.first<4>(), slot.id);
    std::memcpy(to.data() + 4, slot.wrap_key.reveal().data(), kWrapKeyLen);
    std::copy(slot.digest.begin(), slot.digest.end(), to.begin() + 4 + kWrapKeyLen);
    next = slot.id + 1;
  }
  if (num != shape.num_slots) return no_such_slot();
  put_be(out.subspan<kNextSlotAt, 4>(), next);
  return {};
}

KeyringSlot Keyring::slot_at(std::size_t i) const noexcept {
  const auto bytes = plain_.reveal().subspan(shape_.slot(i), kSlotLen);
  return {static_cast<SlotId>(get_be(bytes.first<4>())), SecretView(bytes.subspan(4, kWrapKeyLen)),
          bytes.subspan(4 + kWrapKeyLen)};
}

void Keyring::schedule() noexcept {
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

}  // namespace strongroom
