// policy_records.hpp: policies as they are stored: sealed texts, and a sealed index of them.
//
// Policies are records like secrets, at locations of their own, so whatever is done to all records
// (re-encryption, backups, copies) is done to them too. A change is one commit of the header, the
// fence, the index and the text. The keyring in the header holds the revision of the index, and the
// index holds the revisions of the texts. So it is noticed when any one of these records is put back,
// exchanged or dropped without the others; and a new fence makes every writer look again. This code
// must never accept as policies what was not put as policies, and it does not know what they mean.
//
//   index  form 1 (1) | zero (3) | number (4), and for each text, sorted by name:
//          revision (8) | changed (8) | length (4) | length of the name (1) | name
//
// Threads  any number at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/impl/barrier/envelope.hpp"
#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/impl/keys/fence.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/keys/keyring.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

// PolicyEntry is what the index says about one text.
struct PolicyEntry {
  std::string name;
  Revision revision{};  // of the policies, when the text was put
  std::uint64_t changed_ms = 0;
  std::size_t size = 0;

  friend bool operator==(const PolicyEntry&, const PolicyEntry&) = default;
};

// PolicyIndex says which texts are stored, as of one moment.
struct PolicyIndex {
  Revision revision{};  // one more with each change; 0: there never was one
  Fence fence{};        // at which it was read
  std::vector<PolicyEntry> entries;

  const PolicyEntry* find(std::string_view name) const noexcept;
};

namespace detail {

inline constexpr std::size_t kMaxPolicyEntries = 4'096;
inline constexpr std::size_t kMaxPolicyEntryName = 128;
inline constexpr std::size_t kMaxPolicySize = std::size_t{1} << 20;
inline constexpr std::size_t kPolicyEntryLen = 8 + 8 + 4 + 1;
inline constexpr std::size_t kMaxIndexLen =
    8 + kMaxPolicyEntries * (kPolicyEntryLen + kMaxPolicyEntryName);

std::vector<std::uint8_t> encode(const PolicyIndex& index);

// decode_entries reads bytes that have authenticated, so a newer program wrote what it does not know.
Result<std::vector<PolicyEntry>> decode_entries(std::span<const std::uint8_t> bytes);

}  // namespace detail

// seal_policy seals a text into out, under the name, revision and time of its entry; seal_policy_index
// seals an index into out.
Result<void> seal_policy(const Keyring& keyring, const StoreId& store, const PolicyEntry& entry,
                         std::string_view text, std::vector<std::uint8_t>& out);
Result<void> seal_policy_index(const Keyring& keyring, const StoreId& store,
                               const PolicyIndex& index, std::uint64_t changed_ms,
                               std::vector<std::uint8_t>& out);

// StoredPolicies are an index and its texts, in the index's order.
struct StoredPolicies {
  PolicyIndex index;
  std::vector<std::string> texts;
};

// PolicyText is one text and what the index says about it.
struct PolicyText {
  PolicyEntry entry;
  std::string text;
};

class PolicyRecords {
 public:
  PolicyRecords(Backend& backend, KeyKeeper& keeper, Timeout timeout)
      : backend_(backend), keeper_(keeper), timeout_(timeout) {}
  PolicyRecords(const PolicyRecords&) = delete;
  PolicyRecords& operator=(const PolicyRecords&) = delete;

  // index reads which texts are stored now.
  // Errors  sealed, and the storage's errors: try again later.  corrupt, rollback, unsupported: it is
  //         not the index that this store put last, and none of its policies can be trusted.
  Result<PolicyIndex> index();

  // texts reads the texts of some entries of an index, in the order of the entries.
  // Returns  nothing if the policies were changed since the index was read.
  // Errors   as of index, naming the policy.
  Result<std::optional<std::vector<std::string>>> texts(const PolicyIndex& index,
                                                        std::span<const PolicyEntry> entries);

  // text reads the text of a name. Errors  not_found, and as of texts.
  Result<PolicyText> text(std::string_view name);

  // read reads the index and all its texts, as of one moment.
  Result<StoredPolicies> read();

  // check succeeds if a condition for putting or erasing the text of a name holds.
  // puts    true for putting, false for erasing.
  // Errors  already_exists, not_found, conflict.
  static Result<void> check(const PolicyIndex& index, std::string_view name, bool puts,
                            Condition condition);

  // put stores a text under a name, in one commit. It writes under the fence of the index, with which
  // the caller has compared its permit.
  // Returns  the new revision of the policies, which is the text's too; nothing if the policies or the
  //          fence are no longer those of the index.
  // Errors   indeterminate: it may have happened.  corrupt: the header record must be repaired first.
  Result<Fenced<Revision>> put(const PolicyIndex& index, std::string_view name,
                               std::string_view text);

  // erase removes a text. Its name may be used again; its revision never is.
  Result<Fenced<Revision>> erase(const PolicyIndex& index, std::string_view name);

  // reset stores an empty index, whatever is there. The texts stay, and belong to no index.
  Result<Fenced<Revision>> reset(Permit permit);

 private:
  static constexpr int kMaxAttempts = 16;
  static constexpr std::size_t kMaxBlocksLen = 255 * kMetadataLen;  // of later metadata
  // Limits of one read: locked memory is scarce, but round trips take time.
  static constexpr std::size_t kMaxGroup = 64;
  static constexpr std::size_t kMaxGroupLen = std::size_t{1} << 20;

  // State describes the keys at the time of a read.
  struct State {
    std::uint64_t generation = 0;
    Fence fence{};
    Revision revision{};  // that the index must have
  };

  // Found is a record that was looked for, and the outcome: opened, absent, or why it did not open.
  struct Found {
    std::string_view name{};  // empty: the index
    std::size_t max_len = 0;
    Location location{};
    bool oversized = false;
    bool absent = false;
    Fetched fetched{};
    Result<void> done{};
  };

  // fetch reads records with one read of the backend, and opens them.
  // Returns  nothing if the keys or the policies changed meanwhile: fetch again.
  Result<std::optional<State>> fetch(std::vector<Found>& found);

  static State state_of(const Keys& keys);

  static void take(Found& found, const Record& record);

  static void open(const Keys& keys, Found& found);

  // group_of returns how many of the entries to read at once.
  static std::size_t group_of(std::span<const PolicyEntry> entries);

  // read_group appends the texts of a group. Returns  false: the policies changed since the index.
  Result<bool> read_group(const PolicyIndex& index, std::span<const PolicyEntry> entries,
                          std::vector<std::string>& texts);

  static Result<PolicyIndex> open_index(const State& state, Found& found);

  static Result<std::string> open_text(const PolicyEntry& entry, Found& found);

  static PolicyIndex without(const PolicyIndex& index, std::string_view name);

  // commit puts the next index and the entry's text; without a text it erases the entry's record. An
  // entry without a name has no record.
  Result<Fenced<Revision>> commit(PolicyIndex next, const PolicyEntry& entry,
                                  std::optional<std::string_view> text);

  static Error put_back(const std::string& what) {
    return {Code::rollback, what + ": the storage was put back or altered"};
  }
  static Error kept_changing();
  static Error no_such(std::string_view name);

  Backend& backend_;
  KeyKeeper& keeper_;
  const Timeout timeout_;
};

}  // namespace strongroom
