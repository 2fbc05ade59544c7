// policy_records.hpp: policies as they are stored: sealed texts, and a sealed index of them.
//
// They are records as secrets are, at locations of their own, so whatever is done to all records
// (re-encryption, backups, copies) is done to them. A change is one commit of the header, the fence,
// the index and the text. Each says which of the others it belongs to: the keyring in the header
// holds the revision of the index, the index those of the texts. So of what is stored, nothing can
// be put back, exchanged or dropped alone without being told; and a new fence makes every writer look
// again. It must never take for the policies what was not put as such, nor know what they mean.
//
//   index  form 1 (1) | zero (3) | number (4), and for each text, sorted by name:
//          revision (8) | changed (8) | length (4) | length of the name (1) | name
//
// Threads  any number at once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/codec.hpp"
#include "strongroom/envelope.hpp"
#include "strongroom/key_keeper.hpp"
#include "strongroom/names.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_reader.hpp"

namespace strongroom {

// PolicyEntry is what the index says of one text.
struct PolicyEntry {
  std::string name;
  Revision revision = 0;  // of the policies, when the text was put
  std::uint64_t changed_ms = 0;
  std::size_t size = 0;

  friend bool operator==(const PolicyEntry&, const PolicyEntry&) = default;
};

// PolicyIndex is which texts are stored, as of one moment.
struct PolicyIndex {
  Revision revision = 0;   // one more with each change; 0: there never was one
  Version mark = kAbsent;  // KeyKeeper::mark
  std::vector<PolicyEntry> entries;

  const PolicyEntry* find(std::string_view name) const noexcept {
    const auto it = std::lower_bound(
        entries.begin(), entries.end(), name,
        [](const PolicyEntry& each, std::string_view wanted) { return each.name < wanted; });
    return it != entries.end() && it->name == name ? &*it : nullptr;
  }
};

namespace detail {

inline constexpr std::size_t kMaxPolicyEntries = 4'096;
inline constexpr std::size_t kMaxPolicyEntryName = 128;
inline constexpr std::size_t kMaxPolicySize = std::size_t{1} << 20;
inline constexpr std::size_t kPolicyEntryLen = 8 + 8 + 4 + 1;
inline constexpr std::size_t kMaxIndexLen =
    8 + kMaxPolicyEntries * (kPolicyEntryLen + kMaxPolicyEntryName);

inline std::vector<std::uint8_t> encode(const PolicyIndex& index) {
  Writer writer;
  writer.u32(std::uint32_t{1} << 24);
  writer.u32(static_cast<std::uint32_t>(index.entries.size()));
  for (const PolicyEntry& each : index.entries) {
    writer.u64(each.revision);
    writer.u64(each.changed_ms);
    writer.u32(static_cast<std::uint32_t>(each.size));
    writer.u8(static_cast<std::uint8_t>(each.name.size()));
    writer.bytes({reinterpret_cast<const std::uint8_t*>(each.name.data()), each.name.size()});
  }
  return std::move(writer).take();
}

// decode_entries reads what authenticated: what it does not know, a newer program wrote.
inline Result<std::vector<PolicyEntry>> decode_entries(std::span<const std::uint8_t> bytes) {
  const Error unknown{Code::unsupported, "the index of the policies was of an unknown form"};
  Reader reader(bytes);
  if (reader.u32() != std::uint32_t{1} << 24) return unknown;
  const std::size_t num = reader.u32();
  if (num > kMaxPolicyEntries) return unknown;
  std::vector<PolicyEntry> entries(num);
  for (PolicyEntry& each : entries) {
    each.revision = reader.u64();
    each.changed_ms = reader.u64();
    each.size = reader.u32();
    const auto name = reader.bytes(reader.u8());
    each.name.assign(name.begin(), name.end());
    if (!reader.ok() || each.size > kMaxPolicySize) return unknown;
  }
  if (!reader.ok() || reader.left() != 0) return unknown;
  return entries;
}

inline Result<void> seal_policy_record(const Keyring& keyring, const StoreId& store,
                                       std::string_view name, Revision revision,
                                       const Metadata& metadata, SecretView value,
                                       std::vector<std::uint8_t>& out) {
  out.resize(kEnvelopeOverhead + value.size());
  return seal_envelope(keyring, {store, policy_location(keyring, name)}, RecordKind::secret,
                       revision, metadata, value, out);
}

}  // namespace detail

// seal_policy seals a text as its entry has it, and seal_policy_index an index; into out.
inline Result<void> seal_policy(const Keyring& keyring, const StoreId& store,
                                const PolicyEntry& entry, std::string_view text,
                                std::vector<std::uint8_t>& out) {
  return detail::seal_policy_record(keyring, store, entry.name, entry.revision,
                                    {Content::text, entry.changed_ms, entry.changed_ms},
                                    SecretView(text.data(), text.size()), out);
}
inline Result<void> seal_policy_index(const Keyring& keyring, const StoreId& store,
                                      const PolicyIndex& index, std::uint64_t changed_ms,
                                      std::vector<std::uint8_t>& out) {
  const std::vector<std::uint8_t> listed = detail::encode(index);
  return detail::seal_policy_record(keyring, store, "", index.revision,
                                    {Content::binary, changed_ms, changed_ms}, SecretView(listed),
                                    out);
}

// StoredPolicies are an index and its texts, in the index's order.
struct StoredPolicies {
  PolicyIndex index;
  std::vector<std::string> texts;
};

class PolicyRecords {
 public:
  PolicyRecords(Backend& backend, KeyKeeper& keeper, Timeout timeout)
      : backend_(backend), keeper_(keeper), timeout_(timeout) {}
  PolicyRecords(const PolicyRecords&) = delete;
  PolicyRecords& operator=(const PolicyRecords&) = delete;

  // index reads which texts are stored now.
  // Errors  sealed, and the storage's trouble: look again later.  corrupt, rollback, unsupported: it
  //         is not what this store put last, and no policy of it can be believed.
  Result<PolicyIndex> index() {
    for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
      auto origin = origin_of("");
      if (!origin) return std::move(origin).error();
      auto found = fetch(origin.value(), detail::kMaxIndexLen + kMaxBlocksLen);
      if (!found) return std::move(found).error();
      if (!found->has_value()) continue;
      return open_index(origin.value(), **found);
    }
    return kept_changing();
  }

  // text reads one text of an index.
  // Returns  nothing when the policies were changed since the index was read.
  // Errors   as of index, naming the policy.
  Result<std::optional<std::string>> text(const PolicyIndex& index, const PolicyEntry& entry) {
    const auto named = [&](Error error) {
      error.message = "policy '" + entry.name + "': " + error.message;
      return error;
    };
    for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
      auto origin = origin_of(entry.name);
      if (!origin) return std::move(origin).error();
      if (origin->revision != index.revision) return std::optional<std::string>();
      auto found = fetch(origin.value(), entry.size + kMaxBlocksLen);
      if (!found) return std::move(found).error();
      if (!found->has_value()) continue;
      auto text = open_text(entry, **found);
      if (!text) return named(std::move(text).error());
      return std::optional<std::string>(std::move(text).value());
    }
    return kept_changing();
  }

  // read reads all of them, as of one moment.
  Result<StoredPolicies> read() {
    for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
      auto listed = index();
      if (!listed) return std::move(listed).error();
      StoredPolicies all{std::move(listed).value(), {}};
      for (const PolicyEntry& entry : all.index.entries) {
        auto found = text(all.index, entry);
        if (!found) return std::move(found).error();
        if (!found->has_value()) break;
        all.texts.push_back(std::move(**found));
      }
      if (all.texts.size() == all.index.entries.size()) return all;
    }
    return kept_changing();
  }

  // put stores a text under a name, in one commit.
  // Returns  the new revision, which is the text's too; nothing when the policies, or the fence, are
  //          not those of the index any more.
  // Errors   indeterminate: it may have happened.  corrupt: the header record must be repaired first.
  Result<std::optional<Revision>> put(const PolicyIndex& index, std::string_view name,
                                      std::string_view text) {
    PolicyIndex next = without(index, name);
    if (name.empty()) return Error{Code::invalid, "a policy must have a name"};
    if (name.size() > detail::kMaxPolicyEntryName || text.size() > detail::kMaxPolicySize ||
        next.entries.size() == detail::kMaxPolicyEntries) {
      return Error{Code::too_large,
                   "a store takes 4,096 policies of up to 1 MiB, with names of up to 128 bytes"};
    }
    const PolicyEntry entry{std::string(name), index.revision + 1, now_ms(), text.size()};
    next.entries.insert(
        std::upper_bound(next.entries.begin(), next.entries.end(), entry,
                         [](const auto& a, const auto& b) { return a.name < b.name; }),
        entry);
    return commit(next, entry, text);
  }

  // erase removes one. Its name may come again; its revision never does.
  Result<std::optional<Revision>> erase(const PolicyIndex& index, std::string_view name) {
    const PolicyEntry gone{std::string(name), index.revision + 1, now_ms(), 0};
    return commit(without(index, name), gone, {});
  }

  // reset stores an index of nothing, whatever is there. The texts stay, and belong to nothing.
  Result<std::optional<Revision>> reset() {
    auto origin = origin_of("");
    if (!origin) return std::move(origin).error();
    const PolicyIndex nothing{origin->revision, origin->mark, {}};
    return commit(nothing, {{}, nothing.revision + 1, now_ms(), 0}, {});
  }

 private:
  static constexpr int kMaxAttempts = 16;
  static constexpr std::size_t kMaxBlocksLen = 255 * kMetadataLen;  // of later metadata

  // Origin is where a record lies, and the keys' state when that was said.
  struct Origin {
    Location location{};
    std::uint64_t generation = 0;
    Version mark = kAbsent;
    Revision revision = 0;  // what the index must be in
  };

  Result<Origin> origin_of(std::string_view name) const {
    return keeper_.with_keys([&](const Keys& keys) -> Result<Origin> {
      return Origin{policy_location(keys.keyring, name), keys.records.header.generation,
                    keys.records.fence_version, keys.keyring.policy_revision()};
    });
  }

  // Found is a record that was read: opened, or absent, or why it did not open.
  struct Found {
    bool absent = false;
    Result<void> done;
    Opened opened;
  };

  // fetch reads a record and opens it.
  // Returns  nothing when the keys or the policies moved meanwhile: look again.
  Result<std::optional<Found>> fetch(const Origin& origin, std::size_t max_len) {
    const RecordKey key = record_key(origin.location);
    const ByteView wanted(key);
    Fetched fetched;
    bool oversized = false;
    auto stamp = backend_.read(
        std::span(&wanted, 1),
        [&](std::size_t, const Record& record) {
          oversized = record.value.size() > kEnvelopeOverhead + max_len;
          if (!oversized) fetched.take(record);
        },
        timeout_);
    if (!stamp) return std::move(stamp).error();
    if (fetched.age_ms > 0)
      return Error{Code::unavailable, "the storage was out of reach while policies were read"};
    if (auto followed = keeper_.follow(stamp.value()); !followed)
      return std::move(followed).error();
    if (!fetched.copied) return std::move(fetched.copied).error();
    return keeper_.with_keys([&](const Keys& keys) -> Result<std::optional<Found>> {
      const bool moved = keys.records.header.generation != origin.generation ||
                         keys.records.fence_version != origin.mark;
      if (moved) return std::optional<Found>();
      std::optional<Found> found(std::in_place);
      found->absent = !oversized && fetched.version == kAbsent;
      if (found->absent) return found;
      found->done = oversized
                        ? detail::corrupt("was larger than it can be")
                        : open_in_place(keys.keyring, {keys.records.header.store, origin.location},
                                        fetched.opened);
      found->opened = std::move(fetched.opened);
      return found;
    });
  }

  Result<PolicyIndex> open_index(const Origin& origin, Found& found) const {
    PolicyIndex index{origin.revision, origin.mark, {}};
    if (found.absent && origin.revision == 0) return index;
    if (found.absent) return put_back("the index of the policies was not there");
    if (!found.done) {
      found.done.error().message = "the index of the policies: " + found.done.error().message;
      return std::move(found.done).error();
    }
    if (found.opened.kind != RecordKind::secret || found.opened.revision != origin.revision) {
      return put_back("the index of the policies was in revision " +
                      std::to_string(found.opened.revision) + ", not in " +
                      std::to_string(origin.revision));
    }
    auto entries = detail::decode_entries(found.opened.value.reveal());
    if (!entries) return std::move(entries).error();
    index.entries = std::move(entries).value();
    return index;
  }

  static Result<std::string> open_text(const PolicyEntry& entry, Found& found) {
    if (found.absent) return put_back("it was not there");
    if (!found.done) return std::move(found.done).error();
    if (found.opened.kind != RecordKind::secret || found.opened.revision != entry.revision) {
      return put_back("it was in revision " + std::to_string(found.opened.revision) + ", not in " +
                      std::to_string(entry.revision));
    }
    const std::string_view text = found.opened.value.reveal_text();
    if (text.size() != entry.size) return put_back("it was of another length");
    return std::string(text);
  }

  static PolicyIndex without(const PolicyIndex& index, std::string_view name) {
    PolicyIndex next = index;
    std::erase_if(next.entries, [&](const PolicyEntry& each) { return each.name == name; });
    return next;
  }

  // commit puts the next index, and the text of entry; or removes that, where there is none. An entry
  // without a name has neither.
  Result<std::optional<Revision>> commit(PolicyIndex next, const PolicyEntry& entry,
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
      if (!done) return std::move(done).error();
      // Who changed one of them since has changed the header too, or sealed it anew as it was.
      std::vector<Change> changes = {{Change::Kind::put, index_key, sealed_index, kAny}};
      const auto kind = text ? Change::Kind::put : Change::Kind::erase;
      if (!entry.name.empty()) changes.push_back({kind, text_key, sealed_text, kAny});
      return changes;
    };
    auto done = keeper_.change_policies(before, next.mark, seal);
    if (done) return std::optional<Revision>(entry.revision);
    if (done.error().code == Code::conflict) return std::optional<Revision>();
    return std::move(done).error();
  }

  static Error put_back(const std::string& what) {
    return {Code::rollback, what + ": the storage was put back or altered"};
  }
  static Error kept_changing() {
    return {Code::unavailable, "the policies or keys kept being changed by others; try again"};
  }

  Backend& backend_;
  KeyKeeper& keeper_;
  const Timeout timeout_;
};

}  // namespace strongroom
