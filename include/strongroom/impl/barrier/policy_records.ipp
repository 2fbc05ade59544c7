// policy_records.ipp: the bodies of policy_records.hpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/names.hpp"
#include "strongroom/impl/barrier/policy_records.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/base/codec.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/header.hpp"
#include "strongroom/impl/keys/header_records.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

const PolicyEntry* PolicyIndex::find(std::string_view name) const noexcept {
  const auto it = std::lower_bound(
      entries.begin(), entries.end(), name,
      [](const PolicyEntry& each, std::string_view wanted) { return each.name < wanted; });
  return it != entries.end() && it->name == name ? &*it : nullptr;
}

}  // namespace strongroom

namespace strongroom::detail {

std::vector<std::uint8_t> encode(const PolicyIndex& index) {
  Writer writer;
  writer.u32(std::uint32_t{1} << 24);
  writer.u32(static_cast<std::uint32_t>(index.entries.size()));
  for (const PolicyEntry& each : index.entries) {
    writer.u64(each.revision.value());
    writer.u64(each.changed_ms);
    writer.u32(static_cast<std::uint32_t>(each.size));
    writer.u8(static_cast<std::uint8_t>(each.name.size()));
    writer.bytes({reinterpret_cast<const std::uint8_t*>(each.name.data()), each.name.size()});
  }
  return std::move(writer).take();
}

Result<std::vector<PolicyEntry>> decode_entries(std::span<const std::uint8_t> bytes) {
  const Error unknown{Code::unsupported, "the index of the policies was of an unknown form"};
  Reader reader(bytes);
  if (reader.u32() != std::uint32_t{1} << 24) return unknown;
  const std::size_t num = reader.u32();
  if (num > kMaxPolicyEntries) return unknown;
  std::vector<PolicyEntry> entries(num);
  for (PolicyEntry& each : entries) {
    each.revision = Revision(reader.u64());
    each.changed_ms = reader.u64();
    each.size = reader.u32();
    const auto name = reader.bytes(reader.u8());
    each.name.assign(name.begin(), name.end());
    if (!reader.ok() || each.size > kMaxPolicySize) return unknown;
  }
  if (!reader.ok() || reader.left() != 0) return unknown;
  return entries;
}

}  // namespace strongroom::detail

namespace strongroom::detail::policy_records {

static Result<void> seal_policy_record(const Keyring& keyring, const StoreId& store,
                                       std::string_view name, Revision revision,
                                       const Metadata& metadata, SecretView value,
                                       std::vector<std::uint8_t>& out) {
  out.resize(kEnvelopeOverhead + value.size());
  return seal_envelope(keyring, {store, policy_location(keyring, name)}, RecordKind::secret,
                       revision, metadata, value, out);
}

}  // namespace strongroom::detail::policy_records

namespace strongroom {

Result<void> seal_policy(const Keyring& keyring, const StoreId& store, const PolicyEntry& entry,
                         std::string_view text, std::vector<std::uint8_t>& out) {
  return detail::policy_records::seal_policy_record(
      keyring, store, entry.name, entry.revision,
      {Content::text, entry.changed_ms, entry.changed_ms}, SecretView(text.data(), text.size()),
      out);
}

Result<void> seal_policy_index(const Keyring& keyring, const StoreId& store,
                               const PolicyIndex& index, std::uint64_t changed_ms,
                               std::vector<std::uint8_t>& out) {
  const std::vector<std::uint8_t> listed = detail::encode(index);
  return detail::policy_records::seal_policy_record(keyring, store, "", index.revision,
                                                    {Content::binary, changed_ms, changed_ms},
                                                    SecretView(listed), out);
}

Result<PolicyIndex> PolicyRecords::index() {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    std::vector<Found> found(1);
    found[0].max_len = detail::kMaxIndexLen;
    STRONGROOM_ASSIGN(state, fetch(found));
    if (state.has_value()) return open_index(*state, found[0]);
  }
  return kept_changing();
}

Result<std::optional<std::vector<std::string>>> PolicyRecords::texts(
    const PolicyIndex& index, std::span<const PolicyEntry> entries) {
  std::vector<std::string> texts;
  while (!entries.empty()) {
    const std::size_t num = group_of(entries);
    STRONGROOM_ASSIGN(read, read_group(index, entries.first(num), texts));
    if (!read) return std::optional<std::vector<std::string>>();
    entries = entries.subspan(num);
  }
  return std::optional(std::move(texts));
}

Result<PolicyText> PolicyRecords::text(std::string_view name) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    STRONGROOM_ASSIGN(listed, index());
    const PolicyEntry* entry = listed.find(name);
    if (entry == nullptr) return no_such(name);
    STRONGROOM_ASSIGN(read, texts(listed, std::span(entry, 1)));
    if (read.has_value()) return PolicyText{*entry, std::move((*read)[0])};
  }
  return kept_changing();
}

Result<StoredPolicies> PolicyRecords::read() {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    STRONGROOM_ASSIGN(listed, index());
    STRONGROOM_ASSIGN(read, texts(listed, listed.entries));
    if (read.has_value()) return StoredPolicies{std::move(listed), std::move(*read)};
  }
  return kept_changing();
}

Result<Fenced<Revision>> PolicyRecords::put(const PolicyIndex& index, std::string_view name,
                                            std::string_view text) {
  PolicyIndex changed = without(index, name);
  if (name.empty()) return Error{Code::invalid, "a policy must have a name"};
  if (name.size() > detail::kMaxPolicyEntryName || text.size() > detail::kMaxPolicySize ||
      changed.entries.size() == detail::kMaxPolicyEntries) {
    return Error{Code::too_large,
                 "a store takes 4,096 policies of up to 1 MiB, with names of up to 128 bytes"};
  }
  const PolicyEntry entry{std::string(name), next(index.revision), now_ms(), text.size()};
  changed.entries.insert(
      std::upper_bound(changed.entries.begin(), changed.entries.end(), entry,
                       [](const auto& a, const auto& b) { return a.name < b.name; }),
      entry);
  return commit(std::move(changed), entry, text);
}

Result<Fenced<Revision>> PolicyRecords::erase(const PolicyIndex& index, std::string_view name) {
  const PolicyEntry gone{std::string(name), next(index.revision), now_ms(), 0};
  return commit(without(index, name), gone, {});
}

Result<Fenced<Revision>> PolicyRecords::reset(Permit permit) {
  STRONGROOM_TRY(keeper_.refresh());
  auto state = keeper_.with_keys([](const Keys& keys) -> Result<State> { return state_of(keys); });
  STRONGROOM_TRY(state);
  if (!permit.holds_at(state->fence)) return Fenced<Revision>(kFenceMoved);
  const PolicyIndex nothing{state->revision, state->fence, {}};
  return commit(nothing, {{}, next(nothing.revision), now_ms(), 0}, {});
}

Result<std::optional<PolicyRecords::State>> PolicyRecords::fetch(std::vector<Found>& found) {
  std::vector<RecordKey> keys(found.size());
  auto before = keeper_.with_keys([&](const Keys& held) -> Result<State> {
    for (std::size_t i = 0; i < found.size(); ++i) {
      found[i].location = policy_location(held.keyring, found[i].name);
      keys[i] = record_key(found[i].location);
    }
    return state_of(held);
  });
  STRONGROOM_TRY(before);
  const std::vector<ByteView> wanted(keys.begin(), keys.end());
  auto stamp = backend_.read(
      wanted, [&](std::size_t i, const Record& record) { take(found[i], record); }, timeout_);
  STRONGROOM_TRY(stamp);
  STRONGROOM_TRY(keeper_.follow(stamp.value()));
  for (Found& each : found) {
    if (!each.fetched.copied) return std::move(each.fetched.copied).error();
    if (each.fetched.age_ms > 0)
      return Error{Code::unavailable, "the storage was out of reach while policies were read"};
  }
  return keeper_.with_keys([&](const Keys& held) -> Result<std::optional<State>> {
    const State now = state_of(held);
    if (now.generation != before->generation || now.fence != before->fence)
      return std::optional<State>();
    for (Found& each : found) open(held, each);
    return std::optional(now);
  });
}

PolicyRecords::State PolicyRecords::state_of(const Keys& keys) {
  return {keys.records.header.generation, keys.fence(), keys.keyring.policy_revision()};
}

void PolicyRecords::take(Found& found, const Record& record) {
  found.oversized = record.value.size() > kEnvelopeOverhead + kMaxBlocksLen + found.max_len;
  if (!found.oversized) found.fetched.take(record);
}

void PolicyRecords::open(const Keys& keys, Found& found) {
  found.absent = !found.oversized && found.fetched.version == kAbsent;
  if (found.absent) return;
  const Place place{keys.records.header.store, found.location};
  found.done = found.oversized ? detail::corrupt("was larger than it can be")
                               : open_in_place(keys.keyring, place, found.fetched.opened);
}

std::size_t PolicyRecords::group_of(std::span<const PolicyEntry> entries) {
  std::size_t num = 1;
  for (std::size_t len = entries[0].size; num < std::min(entries.size(), kMaxGroup); ++num) {
    len += entries[num].size;
    if (len > kMaxGroupLen) break;
  }
  return num;
}

Result<bool> PolicyRecords::read_group(const PolicyIndex& index,
                                       std::span<const PolicyEntry> entries,
                                       std::vector<std::string>& texts) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    std::vector<Found> found(entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
      found[i].name = entries[i].name;
      found[i].max_len = entries[i].size;
    }
    STRONGROOM_ASSIGN(state, fetch(found));
    if (!state.has_value()) continue;
    if ((state)->revision != index.revision) return false;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      auto text = open_text(entries[i], found[i]);
      if (!text) {
        text.error().message = "policy '" + entries[i].name + "': " + text.error().message;
        return std::move(text).error();
      }
      texts.push_back(std::move(text).value());
    }
    return true;
  }
  return kept_changing();
}

Result<PolicyIndex> PolicyRecords::open_index(const State& state, Found& found) {
  PolicyIndex index{state.revision, state.fence, {}};
  if (found.absent && state.revision == Revision()) return index;
  if (found.absent) return put_back("the index of the policies was not there");
  if (!found.done) {
    found.done.error().message = "the index of the policies: " + found.done.error().message;
    return std::move(found.done).error();
  }
  if (found.fetched.opened.kind != RecordKind::secret ||
      found.fetched.opened.revision != state.revision) {
    return put_back("the index of the policies was in revision " +
                    std::to_string(found.fetched.opened.revision.value()) + ", not in " +
                    std::to_string(state.revision.value()));
  }
  STRONGROOM_ASSIGN(entries, detail::decode_entries(found.fetched.opened.value.reveal()));
  index.entries = std::move(entries);
  return index;
}

Result<std::string> PolicyRecords::open_text(const PolicyEntry& entry, Found& found) {
  if (found.absent) return put_back("it was not there");
  if (!found.done) return std::move(found.done).error();
  if (found.fetched.opened.kind != RecordKind::secret ||
      found.fetched.opened.revision != entry.revision) {
    return put_back("it was in revision " + std::to_string(found.fetched.opened.revision.value()) +
                    ", not in " + std::to_string(entry.revision.value()));
  }
  const std::string_view text = found.fetched.opened.value.reveal_text();
  if (text.size() != entry.size) return put_back("it was of another length");
  return std::string(text);
}

PolicyIndex PolicyRecords::without(const PolicyIndex& index, std::string_view name) {
  PolicyIndex next = index;
  std::erase_if(next.entries, [&](const PolicyEntry& each) { return each.name == name; });
  return next;
}

Result<void> PolicyRecords::check(const PolicyIndex& index, std::string_view name, bool puts,
                                  Condition condition) {
  const PolicyEntry* entry = index.find(name);
  const auto kind = condition.kind;
  if (entry != nullptr && kind == Condition::Kind::create)
    return Error{Code::already_exists, "policy '" + std::string(name) + "' exists already"};
  const bool must_exist = !puts || kind == Condition::Kind::update;
  if (entry == nullptr && must_exist) return no_such(name);
  if (kind != Condition::Kind::revision) return {};
  if (entry != nullptr && entry->revision == condition.revision) return {};
  return Error{Code::conflict,
               "policy '" + std::string(name) + "' was not in revision " +
                   std::to_string(condition.revision.value()) +
                   (entry == nullptr ? " but not there"
                                     : " but in " + std::to_string(entry->revision.value()))};
}

Result<Fenced<Revision>> PolicyRecords::commit(PolicyIndex next, const PolicyEntry& entry,
                                               std::optional<std::string_view> text) {
  const Revision before = std::exchange(next.revision, entry.revision);
  std::vector<std::uint8_t> sealed_index;
  std::vector<std::uint8_t> sealed_text;
  RecordKey index_key;
  RecordKey text_key;
  const auto seal = [&](const Keys& keys) -> Result<std::vector<Change>> {
    const StoreId& store = keys.records.header.store;
    index_key = record_key(policy_location(keys.keyring, ""));
    text_key = record_key(policy_location(keys.keyring, entry.name));
    auto done = seal_policy_index(keys.keyring, store, next, entry.changed_ms, sealed_index);
    if (done && text) done = seal_policy(keys.keyring, store, entry, *text, sealed_text);
    STRONGROOM_TRY(done);
    // kAny, since a writer that changed one of them meanwhile has changed the header too, or has only
    // re-sealed the same content.
    std::vector<Change> changes = {{Change::Kind::put, index_key, sealed_index, kAny}};
    const auto kind = text ? Change::Kind::put : Change::Kind::erase;
    if (!entry.name.empty()) changes.push_back({kind, text_key, sealed_text, kAny});
    return changes;
  };
  STRONGROOM_ASSIGN(done, keeper_.change_policies(before, next.fence, seal));
  return done ? Fenced<Revision>(entry.revision) : Fenced<Revision>(kFenceMoved);
}

Error PolicyRecords::no_such(std::string_view name) {
  return {Code::not_found, "there is no policy '" + std::string(name) + "'"};
}

Error PolicyRecords::kept_changing() {
  return {Code::unavailable, "the policies or keys kept being changed by others; try again"};
}

}  // namespace strongroom
