// key_keeper.hpp: the keys of an unsealed store, and the header record that they come from.
//
// The keeper reads, follows and replaces the header; it is the only code that has the root key.
// Every change is one compare-and-set of both copies, so there is no instant at which a crash
// leaves a store that nothing opens. Keys are exchanged behind a gate: a call sees the old ones or
// the new ones, and once seal returns there are none. Storage trouble must never make it drop them.
//
// Threads  any number at once; with_keys waits for no other reader.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/fork_guard.hpp"
#include "strongroom/gate.hpp"
#include "strongroom/header.hpp"
#include "strongroom/keyring.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/slots.hpp"

namespace strongroom {

inline constexpr std::array<std::uint8_t, 1> kHeaderKey = {'h'};
inline constexpr std::array<std::uint8_t, 2> kHeaderCopyKey = {'h', '2'};
inline constexpr std::array<std::uint8_t, 1> kFenceKey = {'f'};

struct SlotStatus {
  SlotId id = 0;
  SlotKind kind = SlotKind::key;
  unsigned threshold = 0;
  unsigned shares = 0;
  std::uint64_t created_ms = 0;
};

// SealStatus is what can be told of a store without keys, and its terms where there are some.
struct SealStatus {
  std::string url;
  bool initialized = false;
  bool sealed = true;           // this handle holds no keys
  bool locked = false;          // an operator sealed the store for every process
  bool header_damaged = false;  // a copy of the header record is damaged; unsealing mends it
  StoreId store{};
  std::uint64_t generation = 0;
  TermId active_term = 0;  // 0 while sealed
  std::size_t num_terms = 0;
  std::uint32_t max_secret_len = 0;
  std::vector<SlotStatus> slots;
};

// HeaderRecords are the header and the fence as they were read together.
struct HeaderRecords {
  Header header;
  Version header_version = kAbsent;
  Version copy_version = kAbsent;
  Version fence_version = kAbsent;
  bool differ = false;  // one of the copies is damaged, missing or another one
  Stamp stamp = 0;
};

// Keys are what an unsealed handle has. Immutable once installed.
struct Keys {
  HeaderRecords records;
  SecretBytes root;
  Keyring keyring;
};

class KeyKeeper {
 public:
  KeyKeeper(Backend& backend, Timeout timeout) : backend_(backend), timeout_(timeout) {}
  KeyKeeper(const KeyKeeper&) = delete;
  KeyKeeper& operator=(const KeyKeeper&) = delete;

  // activate stores what prepare_init made, in one commit. Hand its credentials out first:
  // afterwards they alone open the store. The handle stays sealed.
  // Errors  already_exists: a store is there, and stays as it is.
  Result<void> activate(const PendingInit& pending) {
    if (!guard_.same_process()) return forked();
    const std::array<std::uint8_t, 5> fence = {1, 0, 0, 0, 1};  // format, first live term
    const std::array<Change, 3> batch = {
        Change{Change::Kind::put, kHeaderKey, pending.record, kAbsent},
        Change{Change::Kind::put, kHeaderCopyKey, pending.record, kAbsent},
        Change{Change::Kind::put, kFenceKey, fence, kAbsent},
    };
    auto commit = backend_.commit(batch, timeout_);
    if (!commit) return std::move(commit).error();
    if (commit->conflict) return Error{Code::already_exists, "a store is there already"};
    return {};
  }

  // unseal loads the keys into this handle. All shares that are needed come at once.
  //
  // lift_lock  also clears the lock flag that seal set, for every process: an operator's act.
  //            Without it a locked store stays sealed.
  // Errors     denied: wrong or too few credentials; the handle stays as it was.  not_initialized.
  //            corrupt: the header record is damaged in both copies.  unsupported: a newer format.
  // On an unsealed handle, right credentials change nothing.
  Result<void> unseal(std::span<const Credential> credentials, bool lift_lock = false) {
    if (!guard_.same_process()) return forked();
    const std::lock_guard admin(admin_);
    for (int attempt = 0; attempt < kMaxAdminAttempts; ++attempt) {
      auto records = read_records();
      if (!records) return std::move(records).error();
      auto root = open_root(records->header, credentials);
      if (!root) return std::move(root).error();
      auto keyring = records->header.open_keyring(root->view());
      if (!keyring) return std::move(keyring).error();
      if (records->header.locked && !lift_lock) return sealed_by_operator();
      const bool mend = records->differ && !records->header.damaged;
      if (!records->header.locked && !mend) {
        install(std::move(records).value(), std::move(root).value(), std::move(keyring).value());
        return {};
      }
      records->header.locked = false;
      auto stored = replace_header(records.value());
      if (!stored && stored.error().code != Code::conflict) return stored;
    }
    return kept_changing();
  }

  // seal wipes the keys of this handle before anything else, then sets the store's lock flag: other
  // processes seal themselves at their next call, and nothing unseals without lift_lock. No
  // credential is needed.
  // Errors  whatever kept the flag from being set; the keys of this handle are gone all the same.
  Result<void> seal() {
    if (!guard_.same_process()) return forked();
    const std::lock_guard admin(admin_);
    drop_keys();
    for (int attempt = 0; attempt < kMaxAdminAttempts; ++attempt) {
      auto records = read_records();
      if (!records) return std::move(records).error();
      if (records->header.locked) return {};
      records->header.locked = true;
      auto stored = replace_header(records.value());
      if (stored || stored.error().code != Code::conflict) return stored;
    }
    return kept_changing();
  }

  // close wipes the keys of this handle alone.
  void close() {
    if (!guard_.same_process()) return;
    const std::lock_guard admin(admin_);
    drop_keys();
  }

  // rotate adds a data key, under which everything is sealed from now on; what is stored stays
  // readable under the old one. One commit, whatever the number of secrets.
  // Errors  conflict: another administrator changed the header meanwhile.
  //         too_large: too many terms.
  Result<void> rotate() {
    if (!guard_.same_process()) return forked();
    const std::lock_guard admin(admin_);
    if (auto current = adopt(); !current) return current;
    HeaderRecords records = keys_->records;
    if (records.header.damaged) {
      return Error{Code::corrupt,
                   "both copies of the header record are damaged; nothing was changed"};
    }
    auto keyring = keys_->keyring.with_new_term();
    if (!keyring) return std::move(keyring).error();
    records.header.generation += 1;
    auto sealed = records.header.seal_keyring(keyring.value(), keys_->root.view());
    if (!sealed) return sealed;
    if (auto stored = replace_header(records); !stored) return stored;
    return adopt();
  }

  // status tells what can be told without keys, and the terms where there are some.
  // A store that is not there is no error: initialized is false then.
  Result<SealStatus> status() {
    if (!guard_.same_process()) return forked();
    SealStatus status;
    status.url = backend_.url();
    const std::lock_guard admin(admin_);
    auto records = read_records();
    if (!records) {
      if (records.error().code == Code::not_initialized) return status;
      return std::move(records).error();
    }
    const Header& header = records->header;
    if (header.locked) drop_keys();
    status.initialized = true;
    status.sealed = keys_ == nullptr;
    status.locked = header.locked;
    status.header_damaged = header.damaged || records->differ;
    status.store = header.store;
    status.generation = header.generation;
    status.max_secret_len = header.max_secret_len;
    for (const Slot& slot : header.slots) {
      status.slots.push_back({slot.id, slot.kind, slot.threshold, slot.shares, slot.created_ms});
    }
    if (keys_ != nullptr) {
      status.active_term = keys_->keyring.active_term();
      status.num_terms = keys_->keyring.num_terms();
    }
    return status;
  }

  // with_keys runs f over the keys, or says sealed. f must be short: sealing waits for it.
  template <typename F>
  auto with_keys(F f) const -> decltype(f(std::declval<const Keys&>())) {
    if (!guard_.same_process()) return forked();
    const Gate::Shared held(gate_);
    if (keys_ == nullptr || !keys_->keyring.intact()) return sealed();
    return f(*keys_);
  }

  // follow notices a changed header or fence. In the usual case it compares one number.
  // Returns  whether the keys were exchanged.
  Result<bool> follow(Stamp stamp) {
    if (stamp == seen_.load(std::memory_order_acquire)) return false;
    const std::array<ByteView, 2> keys = {ByteView(kHeaderKey), ByteView(kFenceKey)};
    std::array<Version, 2> versions{};
    auto now = backend_.read(
        keys, [&](std::size_t i, const Record& record) { versions[i] = record.version; }, timeout_);
    if (!now) return std::move(now).error();
    auto same = with_keys([&](const Keys& held) -> Result<bool> {
      return held.records.header_version == versions[0] &&
             held.records.fence_version == versions[1];
    });
    if (!same) return same;
    if (same.value()) {
      seen_.store(now.value(), std::memory_order_release);
      return false;
    }
    const std::lock_guard admin(admin_);
    if (auto adopted = adopt(); !adopted) return std::move(adopted).error();
    return true;
  }

  // refresh follows without a stamp at hand.
  Result<void> refresh() {
    if (!guard_.same_process()) return forked();
    auto followed = follow(kNeverSeen);
    if (!followed) return std::move(followed).error();
    return {};
  }

 private:
  static constexpr Stamp kNeverSeen = UINT64_MAX;
  static constexpr int kMaxAdminAttempts = 16;

  // read_records reads the header record and its copy, and takes the better one.
  Result<HeaderRecords> read_records() {
    const std::array<ByteView, 3> keys = {ByteView(kHeaderKey), ByteView(kHeaderCopyKey),
                                          ByteView(kFenceKey)};
    std::array<std::vector<std::uint8_t>, 2> copies;
    HeaderRecords records;
    const std::array<Version*, 3> versions = {&records.header_version, &records.copy_version,
                                              &records.fence_version};
    auto stamp = backend_.read(
        keys,
        [&](std::size_t i, const Record& record) {
          *versions[i] = record.version;
          if (i < copies.size() && record.value.size() <= kMaxHeaderLen) {
            copies[i].assign(record.value.begin(), record.value.end());
          }
        },
        timeout_);
    if (!stamp) return std::move(stamp).error();
    records.stamp = stamp.value();
    if (records.header_version == kAbsent && records.copy_version == kAbsent) {
      return Error{Code::not_initialized, "there is no store at " + backend_.url() + " yet"};
    }
    auto header = better(Header::decode(copies[0]), Header::decode(copies[1]));
    if (!header) return std::move(header).error();
    records.header = std::move(header).value();
    records.differ = !std::ranges::equal(copies[0], copies[1]);
    return records;
  }

  // better takes the whole copy before the damaged one, and the newer one of two.
  static Result<Header> better(Result<Header> first, Result<Header> second) {
    if (!first)
      return second || second.error().code == Code::unsupported ? std::move(second)
                                                                : std::move(first);
    if (!second) return first;
    if (first->damaged != second->damaged)
      return first->damaged ? std::move(second) : std::move(first);
    if (first->generation != second->generation) {
      return first->generation < second->generation ? std::move(second) : std::move(first);
    }
    return second->locked ? std::move(second) : std::move(first);  // when in doubt, locked
  }

  // replace_header is the one commit of every change to the header: both copies, by
  // compare-and-set.
  Result<void> replace_header(const HeaderRecords& records) {
    auto record = records.header.encode();
    if (!record) return std::move(record).error();
    const std::array<Change, 2> batch = {
        Change{Change::Kind::put, kHeaderKey, record.value(), records.header_version},
        Change{Change::Kind::put, kHeaderCopyKey, record.value(), records.copy_version},
    };
    auto commit = backend_.commit(batch, timeout_);
    if (!commit) return std::move(commit).error();
    if (commit->conflict)
      return Error{Code::conflict, "somebody else changed the header record first"};
    return {};
  }

  // adopt loads what the header says now. Storage trouble and damage leave the keys as they are.
  // Needs admin_.
  Result<void> adopt() {
    if (keys_ == nullptr) return sealed();
    auto records = read_records();
    if (!records) {
      if (records.error().code != Code::not_initialized) return std::move(records).error();
      return Error{Code::corrupt, "the header record vanished from " + backend_.url()};
    }
    const Header& header = records->header;
    const Header& known = keys_->records.header;
    if (header.store != known.store)
      return Error{Code::corrupt, "another store was put in this one's place"};
    if (header.generation < known.generation) {
      return Error{Code::rollback,
                   "the header record is older (generation " + std::to_string(header.generation) +
                       ") than one seen before (" + std::to_string(known.generation) + ")"};
    }
    if (header.locked) {
      drop_keys();
      return sealed_by_operator();
    }
    auto keyring = header.open_keyring(keys_->root.view());
    if (!keyring) return std::move(keyring).error();
    auto root = SecretBytes::copy_key(keys_->root.reveal());
    if (!root) return std::move(root).error();
    install(std::move(records).value(), std::move(root).value(), std::move(keyring).value());
    return {};
  }

  void install(HeaderRecords records, SecretBytes root, Keyring keyring) {
    const Stamp stamp = records.stamp;
    auto keys =
        std::make_unique<const Keys>(Keys{std::move(records), std::move(root), std::move(keyring)});
    {
      const Gate::Exclusive alone(gate_);
      keys_.swap(keys);
    }
    seen_.store(stamp, std::memory_order_release);
  }  // the old keys are wiped here, when no call can see them

  void drop_keys() noexcept {
    std::unique_ptr<const Keys> old;
    const Gate::Exclusive alone(gate_);
    old.swap(keys_);
    seen_.store(kNeverSeen, std::memory_order_release);
  }

  static Error forked() {
    return {Code::sealed,
            "this handle belongs to the parent process; open the store again in this one"};
  }
  static Error sealed() { return {Code::sealed, "the store is sealed; unseal it first"}; }
  static Error sealed_by_operator() {
    return {Code::sealed,
            "an operator sealed the store; it stays sealed until it is unsealed explicitly"};
  }
  static Error kept_changing() {
    return {Code::conflict, "the header record kept being changed by others; try again"};
  }

  const ForkGuard guard_;
  Backend& backend_;
  const Timeout timeout_;
  const Gate gate_;                      // keys_: readers shared, exchange exclusive
  std::unique_ptr<const Keys> keys_;     // written under admin_ and gate_
  std::atomic<Stamp> seen_{kNeverSeen};  // at this stamp the header was the one in keys_
  std::mutex admin_;                     // one change of the header at a time in this handle
};

}  // namespace strongroom
