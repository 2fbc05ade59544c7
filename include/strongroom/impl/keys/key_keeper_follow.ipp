// key_keeper_follow.ipp: the bodies of key_keeper.hpp.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "strongroom/anchor.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/base/fork_guard.hpp"
#include "strongroom/impl/base/gate.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/result.hpp"
#include "strongroom/seal_status.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

Result<void> KeyKeeper::check_anchor() {
  if (!options_.anchor) return {};
  if (!guard_.same_process()) return forked();
  const std::lock_guard admin(admin_);
  auto records = read();
  if (!records && records.error().code == Code::not_initialized) return {};
  STRONGROOM_TRY(records);
  put_genuine_first(records.value());
  return check_anchor(records->header);
}

Result<bool> KeyKeeper::look() {
  const std::array<ByteView, 2> keys = {ByteView(kHeaderKey), ByteView(kFenceKey)};
  std::array<Version, 2> versions{};
  auto now = backend_.read(
      keys, [&](std::size_t i, const Record& record) { versions[i] = record.version; },
      options_.timeout);
  STRONGROOM_TRY(now);
  auto same = with_keys([&](const Keys& held) -> Result<bool> {
    return held.records.header_version == versions[0] && held.records.fence_version == versions[1];
  });
  STRONGROOM_TRY(same);
  if (same.value()) {
    seen_.store(now.value(), std::memory_order_release);
    return false;
  }
  const std::lock_guard admin(admin_);
  const bool done = keys_ != nullptr && keys_->records.header_version == versions[0] &&
                    keys_->records.fence_version == versions[1];  // by another thread
  if (done) return true;
  STRONGROOM_TRY(adopt());
  return true;
}

Result<void> KeyKeeper::refresh() {
  if (!guard_.same_process()) return forked();
  STRONGROOM_TRY(look());
  return {};
}

Error KeyKeeper::older(const Header& header, std::uint64_t known, const char* than) {
  return {Code::rollback, "the header record is older (generation " +
                              std::to_string(header.generation) + ") than " + than + " (" +
                              std::to_string(known) + ")"};
}

Error KeyKeeper::forked_history(const char* from) {
  return {Code::rollback,
          std::string("the header record is of the same generation as ") + from +
              ", but differs from it: the storage was rolled back and then changed again"};
}

Result<void> KeyKeeper::check_age(const Header& header) const {
  if (seen_header_) {
    const Seen& seen = *seen_header_;
    if (seen.store != header.store)
      return Error{Code::corrupt, "another store was put in this one's place"};
    if (header.generation < seen.generation) {
      return older(header, seen.generation, "one that this process has seen");
    }
    if (header.generation == seen.generation && header.state_digest() != seen.state) {
      return forked_history("one that this process has seen");
    }
  }
  return check_anchor(header);
}

Result<void> KeyKeeper::check_anchor(const Header& header) const {
  if (!options_.anchor) return {};
  const Anchor& anchor = *options_.anchor;
  if (anchor.store != header.store) return Error{Code::rollback, "the anchor is of another store"};
  if (header.generation < anchor.generation) {
    return older(header, anchor.generation, "the anchor");
  }
  if (header.generation == anchor.generation && header.state_digest() != anchor.digest) {
    return forked_history("the anchor");
  }
  return {};
}

Result<KeyKeeper::Opened> KeyKeeper::open_header(const Header& header) const {
  Error why{Code::corrupt, "the header record did not open"};
  for (const auto& root : {keys_->root, next_root_}) {
    if (root == nullptr) continue;
    auto keyring = header.open_keyring(root->view());
    if (keyring) return Opened{root, std::move(keyring).value()};
    if (keyring.error().code != Code::corrupt) return std::move(keyring).error();
  }
  bool any_slot = false;
  for (const HeldSlot& held : held_) {
    const Slot* slot = header.slot(held.id);
    if (slot == nullptr) continue;
    any_slot = true;
    auto root = slot->open(header.store, held.key->view());
    if (!root) {
      why = std::move(root).error();
      continue;
    }
    auto keyring = header.open_keyring(root->view());
    if (keyring) {
      return Opened{std::make_shared<const SecretBytes>(std::move(root).value()),
                    std::move(keyring).value()};
    }
    why = std::move(keyring).error();
  }
  if (any_slot || header.damaged) return why;
  return Error{Code::sealed,
               "the unseal slot that unsealed this process was removed or replaced; unseal with a "
               "current credential"};
}

Result<void> KeyKeeper::adopt() {
  if (keys_ == nullptr) return sealed();
  auto records = read();
  if (!records) {
    if (records.error().code != Code::not_initialized) return std::move(records).error();
    return Error{Code::corrupt, "the header record vanished from " + backend_.url()};
  }
  if (records->header.store != seen_header_->store)
    return Error{Code::corrupt, "another store was put in this one's place"};
  auto opened = open_header(records->header);
  if (!opened && records->other) {
    if (auto again = open_header(*records->other)) {
      use_other(records.value());
      opened = std::move(again);
    }
  }
  const Header& header = records->header;
  if (!opened && header.generation >= seen_header_->generation) {
    if (header.locked) return seal_for_operator();
    if (opened.error().code == Code::sealed) drop_keys(SealReason::slot_removed);
    return std::move(opened).error();
  }
  STRONGROOM_TRY(check_age(header));
  if (header.locked) return seal_for_operator();
  install(std::move(records).value(), std::move(opened->root), std::move(opened->keyring));
  return {};
}

Error KeyKeeper::seal_for_operator() {
  drop_keys(SealReason::operator_lock);
  return sealed_by_operator();
}

void KeyKeeper::install(HeaderRecords records, std::shared_ptr<const SecretBytes> root,
                        Keyring keyring) {
  const Stamp stamp = records.stamp;
  const Header& header = records.header;
  const Seen seen{header.store, header.generation, header.state_digest()};
  auto keys =
      std::make_unique<const Keys>(Keys{std::move(records), std::move(root), std::move(keyring)});
  // Nothing below fails.
  seen_header_ = seen;
  next_root_.reset();
  {
    const Gate::Exclusive alone(gate_);
    keys_.swap(keys);
    fence_.store(keys_->records.fence_version, std::memory_order_release);
  }
  if (keys == nullptr) since_ms_ = now_ms();
  reason_ = SealReason::none;
  seen_.store(stamp, std::memory_order_release);
}

void KeyKeeper::drop_keys(SealReason reason) {
  if (keys_ != nullptr) {
    reason_ = reason;
    since_ms_ = now_ms();
  }
  held_.clear();
  round_.clear();
  next_root_.reset();
  std::unique_ptr<const Keys> old;
  const Gate::Exclusive alone(gate_);
  old.swap(keys_);
  fence_.store(kNoFence, std::memory_order_release);
  seen_.store(kNeverSeen, std::memory_order_release);
}

}  // namespace strongroom
