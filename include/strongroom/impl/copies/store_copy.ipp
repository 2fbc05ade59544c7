// store_copy.ipp: the bodies of store_copy.hpp.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/backends/limits.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/backends/record_page.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/copies/backup_stream.hpp"
#include "strongroom/impl/copies/header_copies.hpp"
#include "strongroom/impl/copies/page_workers.hpp"
#include "strongroom/impl/copies/store_copy.hpp"
#include "strongroom/impl/copies/unfinished_store.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/progress.hpp"
#include "strongroom/result.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

Result<CopyInfo> StoreCopy::run(CopyProgress progress) {
  STRONGROOM_ASSIGN(header, read_header());
  info_.store = header.identity.store;
  info_.generation = header.identity.generation;
  STRONGROOM_TRY(target_.begin(info_.store, {}, backup::UnfinishedStore::GoOn::from_same_store));
  CopyDigest before{};
  for (int round = 0; round < kMaxRounds; ++round) {
    STRONGROOM_ASSIGN(seen, go_round(header, progress));
    if (round > 0 && seen.same && seen.digest == before) return finish(header);
    before = seen.digest;
  }
  return changed_meanwhile();
}

Result<void> StoreCopy::read(Backend& of, std::span<const ByteView> keys,
                             Backend::ReadSink sink) const {
  bool stale = false;
  auto stamp = of.read(
      keys,
      [&](std::size_t i, const Record& record) {
        stale = stale || record.age.count() > 0;
        sink(i, record);
      },
      timeout_);
  STRONGROOM_TRY(stamp);
  if (!stale) return {};
  return Error{Code::unavailable, of.url() + " was out of reach; run the copy again"};
}

Result<StoreCopy::SourceHeader> StoreCopy::read_header() {
  STRONGROOM_TRY(from_.sync(timeout_));
  const auto keys = backup::HeaderCopies::keys();
  RecordPage page;
  const auto keep = [&](std::size_t, const Record& record) {
    if (record.version != kAbsent) page.add(record);
  };
  STRONGROOM_TRY(read(from_, keys, keep));
  SourceHeader header;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto record = page.find(keys[i]);
    if (!record) continue;
    header.versions[i] = record->version;
    STRONGROOM_TRY(header.copies.take(record->key, record->value));
  }
  auto identity = header.copies.header();
  if (!identity && identity.error().code == Code::not_initialized) return no_store();
  STRONGROOM_TRY(identity);
  header.identity = std::move(identity).value();
  return header;
}

Result<StoreCopy::Round> StoreCopy::go_round(const SourceHeader& header, CopyProgress progress) {
  const std::uint64_t changed_before = num_changed();
  backup::Hash hash(sizeof(CopyDigest));
  PageWorkers workers([this](const RecordPage& page) { return mend(page); });
  auto all = read_all(workers, hash, progress);
  STRONGROOM_TRY(workers.finish());
  STRONGROOM_TRY(all);
  STRONGROOM_TRY(remove_others());
  STRONGROOM_ASSIGN(now, read_header());
  if (now.identity.store != info_.store || now.versions != header.versions) {
    return changed_meanwhile();
  }
  Round round;
  hash.finish(round.digest);
  round.same = num_changed() == changed_before;
  return round;
}

Result<void> StoreCopy::read_all(PageWorkers& workers, backup::Hash& hash, CopyProgress progress) {
  info_.num_records = info_.size_bytes = num_copied_ = 0;
  RecordPages pages(from_, timeout_);
  for (bool there_is_more = true; there_is_more;) {
    RecordPage page;
    STRONGROOM_ASSIGN(more, pages.next(page));
    there_is_more = more;
    count(page, hash);
    STRONGROOM_TRY(workers.give(std::move(page)));
    if (!progress(info_.num_records, info_.size_bytes)) return stopped();
  }
  return {};
}

Result<CopyInfo> StoreCopy::finish(const SourceHeader& header) {
  STRONGROOM_TRY(target_.activate(header.copies));
  info_.num_written = num_written_;
  info_.num_removed = num_removed_;
  return info_;
}

bool StoreCopy::is_held_back(ByteView key) {
  static constexpr std::array<ByteView, 4> kKeys = {kHeaderKey, kHeaderCopyKey, kFenceKey,
                                                    kRestoreKey};
  return is_one_of(kKeys, key);
}

void StoreCopy::count(const RecordPage& page, backup::Hash& hash) {
  for (std::size_t i = 0; i < page.size(); ++i) {
    const Record record = page.at(i);
    std::array<std::uint8_t, 10> head;
    put_be(std::span(head).first<2>(), record.key.size());
    put_be(std::span(head).last<8>(), record.version.value());
    hash.add(head).add(record.key);
    info_.num_records += 1;
    info_.size_bytes += record.key.size() + record.value.size();
    if (!is_held_back(record.key)) num_copied_ += 1;
  }
}

Result<void> StoreCopy::mend(const RecordPage& page) {
  for (std::size_t begin = 0; begin < page.size(); begin += kMaxKeysAtOnce) {
    const std::size_t end = std::min(page.size(), begin + kMaxKeysAtOnce);
    STRONGROOM_TRY(mend_some(page, begin, end));
  }
  return {};
}

Result<void> StoreCopy::mend_some(const RecordPage& page, std::size_t begin, std::size_t end) {
  std::vector<ByteView> keys;
  std::vector<Change> changes;
  for (std::size_t i = begin; i < end; ++i) {
    const Record record = page.at(i);
    if (is_held_back(record.key)) continue;
    keys.push_back(record.key);
    changes.push_back({Change::Kind::put, record.key, record.value, kAbsent});
  }
  const auto compare = [&](std::size_t i, const Record& there) {
    const bool same = there.version != kAbsent && std::ranges::equal(there.value, changes[i].value);
    changes[i].kind = same ? Change::Kind::check : Change::Kind::put;
    changes[i].expected = there.version;
  };
  STRONGROOM_TRY(read(into_, keys, compare));
  std::erase_if(changes, [](const Change& one) { return one.kind == Change::Kind::check; });
  if (changes.empty()) return {};
  num_written_ += changes.size();
  return target_.commit(changes);
}

Result<void> StoreCopy::remove_others() {
  std::uint64_t num_there = 0;
  const auto add = [&](std::span<const ByteView> keys) -> Result<void> {
    num_there += keys.size();
    return {};
  };
  if (auto done = for_keys_there(kMaxKeysAtOnce, add); !done || num_there == num_copied_) {
    return done;
  }
  return for_keys_there(kMaxDoubtfulAtOnce,
                        [&](std::span<const ByteView> keys) { return remove_those_gone(keys); });
}

Result<void> StoreCopy::remove_those_gone(std::span<const ByteView> keys) {
  std::vector<Change> changes;
  const auto note = [&](std::size_t i, const Record& record) {
    if (record.version != kAbsent) return;
    changes.push_back({Change::Kind::erase, keys[i], {}, kAny});
  };
  STRONGROOM_TRY(read(from_, keys, note));
  if (changes.empty()) return {};
  num_removed_ += changes.size();
  return target_.commit(changes);
}

Result<void> StoreCopy::for_keys_there(std::size_t at_once,
                                       FunctionRef<Result<void>(std::span<const ByteView>)> take) {
  RecordPage page;
  for (bool there_is_more = true; there_is_more;) {
    const std::vector<std::uint8_t> after = page.last_key();
    page.clear();
    auto more = into_.scan_keys(
        {}, after, at_once,
        [&](const Record& record) {
          page.add({record.key, {}, kAny});
        },
        timeout_);
    STRONGROOM_TRY(more);
    there_is_more = *more;
    std::vector<ByteView> keys;
    for (std::size_t i = 0; i < page.size(); ++i) {
      if (!is_held_back(page.at(i).key)) keys.push_back(page.at(i).key);
    }
    STRONGROOM_TRY(take(keys));
  }
  return {};
}

Error StoreCopy::no_store() {
  const ByteView key(kRestoreKey);
  bool unfinished = false;
  (void)from_.read(
      std::span(&key, 1),
      [&](std::size_t, const Record& record) { unfinished = record.version != kAbsent; }, timeout_);
  if (!unfinished) return {Code::not_initialized, "there is no store at " + from_.url() + " yet"};
  return {Code::not_initialized,
          "a restore or copy into " + from_.url() + " was stopped; run it again first"};
}

Error StoreCopy::changed_meanwhile() const {
  return {Code::conflict,
          "the store at " + from_.url() +
              " was changed while it was copied; seal it, or stop what writes to it, and run "
              "this again: it goes on from what is there"};
}

Error StoreCopy::stopped() {
  return {Code::unavailable, "the copy was stopped; run it again, and it goes on from there"};
}

}  // namespace strongroom
