// reencryption.ipp: the bodies of reencryption.hpp.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/reencryption.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

Result<ReencryptProgress> Reencryption::run(ReencryptObserver observer) {
  if (options_.duty_percent < 1 || options_.duty_percent > 100) {
    return Error{Code::invalid, "the share of a core's time must be from 1 to 100 percent"};
  }
  for (int pass = 0; pass < kMaxPasses; ++pass) {
    const std::uint64_t before = progress_.rewritten;
    progress_.seen = progress_.unreadable = 0;
    num_missed_ = 0;
    STRONGROOM_ASSIGN(on, walk(observer));
    if (!on || (progress_.rewritten == before && num_missed_ == 0)) break;
  }
  return progress_;
}

Result<bool> Reencryption::walk(ReencryptObserver observer) {
  std::vector<std::uint8_t> after;
  for (;;) {
    const auto begin = std::chrono::steady_clock::now();
    STRONGROOM_ASSIGN(page, find_old(after));
    for (std::span<const Old> left = old_; !left.empty();) {
      const std::size_t num = group_len(left);
      STRONGROOM_TRY(rewrite(left.first(num)));
      left = left.subspan(num);
    }
    if (!observer(progress_)) return false;
    if (!page) return true;
    if (!rest(std::chrono::steady_clock::now() - begin, observer)) return false;
  }
}

Result<bool> Reencryption::find_old(std::vector<std::uint8_t>& after) {
  STRONGROOM_TRY(keeper_.refresh());
  auto active = keeper_.with_keys(
      [](const Keys& keys) -> Result<TermId> { return keys.keyring.active_term(); });
  STRONGROOM_TRY(active);
  const std::uint8_t prefix = 'r';
  old_.clear();
  std::vector<std::uint8_t> last;
  auto more = backend_.scan(
      std::span(&prefix, 1), after, kPage,
      [&](const Record& record) {
        progress_.seen += 1;
        last.assign(record.key.begin(), record.key.end());
        const bool ours =
            record.key.size() == sizeof(RecordKey) && record.value.size() >= kEnvelopeOverhead;
        if (!ours) {
          progress_.unreadable += 1;
          return;
        }
        if (get_be(record.value.subspan<4, 4>()) >= active.value()) return;
        Old old{{}, record.version, record.value.size()};
        std::copy(record.key.begin(), record.key.end(), old.key.begin());
        old_.push_back(old);
      },
      timeout_);
  if (more) after = std::move(last);
  return more;
}

std::size_t Reencryption::group_len(std::span<const Old> old) {
  std::size_t num = 1;
  for (std::size_t len = old[0].len; num < old.size(); ++num) {
    len += old[num].len;
    if (len > kMaxGroupBytes) break;
  }
  return num;
}

Result<void> Reencryption::rewrite(std::span<const Old> group, bool alone) {
  std::vector<SecretBytes> envelopes(group.size());
  std::vector<Version> versions(group.size(), kAbsent);
  std::vector<ByteView> keys;
  for (const Old& old : group) keys.push_back(old.key);
  Result<void> copied;
  auto stamp = backend_.read(
      keys,
      [&](std::size_t i, const Record& record) {
        if (record.version != group[i].version || !copied) return;
        copied = envelopes[i].make_value(record.value.size());
        if (!copied) return;
        std::copy(record.value.begin(), record.value.end(), envelopes[i].reveal_mutable().begin());
        versions[i] = record.version;
      },
      timeout_);
  STRONGROOM_TRY(stamp);
  STRONGROOM_TRY(copied);
  STRONGROOM_TRY(keeper_.follow(stamp.value()));
  return commit(group, alone, envelopes, versions);
}

Result<void> Reencryption::commit(std::span<const Old> group, bool alone,
                                  std::span<SecretBytes> envelopes,
                                  std::span<const Version> versions) {
  std::vector<std::vector<std::uint8_t>> fresh(group.size());
  std::vector<Old> doubtful;
  std::vector<Change> batch = {{Change::Kind::check, kFenceKey, {}, kAny}};
  auto sealed = keeper_.with_keys([&](const Keys& keys) -> Result<void> {
    batch[0].expected = keys.records.fence_version;
    for (std::size_t i = 0; i < group.size(); ++i) {
      if (versions[i] == kAbsent) {  // replaced since the scan
        num_missed_ += 1;
        continue;
      }
      auto done = reseal(keys, group[i], envelopes[i], fresh[i]);
      if (done) {
        batch.push_back({Change::Kind::put, group[i].key, fresh[i], versions[i]});
      } else if (done.error().code != Code::corrupt && done.error().code != Code::unsupported) {
        return done;
      } else {
        doubtful.push_back(group[i]);
      }
    }
    return {};
  });
  STRONGROOM_TRY(sealed);
  STRONGROOM_TRY(store(group, alone, batch));
  // These records may have been read just before their term was retired, and the keys just after.
  if (alone) progress_.unreadable += doubtful.size();
  for (const Old& old : doubtful) {
    if (alone) break;
    STRONGROOM_TRY(rewrite(std::span(&old, 1), true));
  }
  return {};
}

Result<void> Reencryption::store(std::span<const Old> group, bool alone,
                                 std::span<const Change> batch) {
  if (batch.size() == 1) return {};
  STRONGROOM_ASSIGN(committed, backend_.commit(batch, timeout_));
  if (!committed.conflict) {
    progress_.rewritten += batch.size() - 1;
    return {};
  }
  if (alone) {
    num_missed_ += 1;
    return {};
  }
  for (const Old& old : group) {
    STRONGROOM_TRY(rewrite(std::span(&old, 1), true));
  }
  return {};
}

Result<void> Reencryption::reseal(const Keys& keys, const Old& old, SecretBytes& envelope,
                                  std::vector<std::uint8_t>& fresh) {
  Location location;
  std::copy(old.key.begin() + 1, old.key.end(), location.begin());
  fresh.resize(envelope.size());
  return reseal_envelope(keys.keyring, {keys.records.header.store, location}, envelope, fresh);
}

bool Reencryption::rest(std::chrono::steady_clock::duration work,
                        ReencryptObserver observer) const {
  constexpr std::chrono::steady_clock::duration second = std::chrono::seconds(1);
  auto left = work * (100 - options_.duty_percent) / options_.duty_percent;
  for (; left > second; left -= second) {
    std::this_thread::sleep_for(second);
    if (!observer(progress_)) return false;
  }
  std::this_thread::sleep_for(left);
  return true;
}

}  // namespace strongroom
