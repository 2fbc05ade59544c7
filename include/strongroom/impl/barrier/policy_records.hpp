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

// PolicyEntry is what the index says of one text.
struct PolicyEntry {
  std::string name;
  Revision revision{};  // of the policies, when the text was put
  std::uint64_t changed_ms = 0;
  std::size_t size = 0;

  friend bool operator==(const PolicyEntry&, const PolicyEntry&) = default;
};

// PolicyIndex is which texts are stored, as of one moment.
struct PolicyIndex {
  Revision revision{};  // one more with each change; 0: there never was one
  Fence fence{};        // that it was read at
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

// decode_entries reads what authenticated: what it does not know, a newer program wrote.
Result<std::vector<PolicyEntry>> decode_entries(std::span<const std::uint8_t> bytes);

}  // namespace detail

// seal_policy seals a text as its entry has it, and seal_policy_index an index; into out.
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

// PolicyText is one text and what the index says of it.
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
  // Errors  sealed, and the storage's trouble: look again later.  corrupt, rollback, unsupported: it
  //         is not what this store put last, and no policy of it can be believed.
  Result<PolicyIndex> index();

  // texts reads those of some entries of an index, in their order.
  // Returns  nothing when the policies were changed since the index was read.
  // Errors   as of index, naming the policy.
  Result<std::optional<std::vector<std::string>>> texts(const PolicyIndex& index,
                                                        std::span<const PolicyEntry> entries);

  // text reads the one of a name. Errors  not_found, and as of texts.
  Result<PolicyText> text(std::string_view name);

  // read reads all of them, as of one moment.
  Result<StoredPolicies> read();

  // check tells whether a condition holds for putting or erasing the text of a name.
  // Errors  already_exists, not_found, conflict.
  static Result<void> check(const PolicyIndex& index, std::string_view name, bool puts,
                            Condition condition);

  // put stores a text under a name, in one commit. What it is permitted under is the index, which the
  // caller has held its permit against.
  // Returns  the new revision, which is the text's too; nothing when the policies, or the fence, are
  //          not those of the index any more.
  // Errors   indeterminate: it may have happened.  corrupt: the header record must be repaired first.
  Result<Fenced<Revision>> put(const PolicyIndex& index, std::string_view name,
                               std::string_view text);

  // erase removes one. Its name may come again; its revision never does.
  Result<Fenced<Revision>> erase(const PolicyIndex& index, std::string_view name);

  // reset stores an index of nothing, whatever is there. The texts stay, and belong to nothing.
  Result<Fenced<Revision>> reset(Permit permit);

 private:
  static constexpr int kMaxAttempts = 16;
  static constexpr std::size_t kMaxBlocksLen = 255 * kMetadataLen;  // of later metadata
  // What is read at once: locked memory is scarce, round trips take their time.
  static constexpr std::size_t kMaxGroup = 64;
  static constexpr std::size_t kMaxGroupLen = std::size_t{1} << 20;

  // State is that of the keys when something was looked for.
  struct State {
    std::uint64_t generation = 0;
    Fence fence{};
    Revision revision{};  // what the index must be in
  };

  // Found is a record that was looked for: opened, or absent, or why it did not open.
  struct Found {
    std::string_view name{};  // empty: the index
    std::size_t max_len = 0;
    Location location{};
    bool oversized = false;
    bool absent = false;
    Fetched fetched{};
    Result<void> done{};
  };

  // fetch reads records, by one read of the backend, and opens them.
  // Returns  nothing when the keys or the policies moved meanwhile: look again.
  Result<std::optional<State>> fetch(std::vector<Found>& found);

  static State state_of(const Keys& keys);

  static void take(Found& found, const Record& record);

  static void open(const Keys& keys, Found& found);

  // group_of is how many of the entries are read at once.
  static std::size_t group_of(std::span<const PolicyEntry> entries);

  // read_group appends the texts of a group. Returns  false: the policies changed since.
  Result<bool> read_group(const PolicyIndex& index, std::span<const PolicyEntry> entries,
                          std::vector<std::string>& texts);

  static Result<PolicyIndex> open_index(const State& state, Found& found);

  static Result<std::string> open_text(const PolicyEntry& entry, Found& found);

  static PolicyIndex without(const PolicyIndex& index, std::string_view name);

  // commit puts the next index, and the text of entry; or removes that, where there is none. An entry
  // without a name has neither.
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
