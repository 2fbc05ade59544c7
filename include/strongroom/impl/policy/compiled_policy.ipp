// compiled_policy.ipp: the trie of the patterns frozen into tables, and the walk that decides; see
// policy/compiled_policy.hpp.
//
// Where patterns have wildcards, a walk is at several nodes at once: at most one for each placement of
// wildcards, of which there are at most 64 (TrieBuilder). Merging these nodes into one state would save
// little, and states would multiply: "team/*" of each team with "*/key" of each key.
//
// A step is one probe of one table by (node, segment), and one cache line, which has the segment's bytes
// and everything about the node below. Bits in a node rule out most segments that have no child there,
// and most callers that nothing below is for.
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/policy/policy_hash.hpp"
#include "strongroom/impl/policy/policy_segment.hpp"
#include "strongroom/impl/policy/policy_trie.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/compiled_policy.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom {
namespace compiled_policy {

using policy_hash::Seed;
using policy_segment::Segment;
using policy_segment::SegmentReader;
using policy_trie::kNone;
using policy_trie::Trie;

// ---- tables ----

struct NodeSlot {
  std::uint64_t labels = 0;    // a bit for each child, by its segment
  std::uint64_t subjects = 0;  // a bit for each subject of the patterns here and below
  std::uint32_t number = 0;
  std::uint32_t any = 0;      // index into wildcard_nodes; 0: none
  std::uint32_t end = kNone;  // patterns
  std::uint32_t tail = kNone;
  std::uint32_t prefixes = kNone;
  std::uint32_t parent = kNone;  // kNone in an empty slot
};

// EdgeSlot contains the node that it leads to, so that a step waits for one cache line.
struct alignas(64) EdgeSlot {
  std::uint64_t words[3] = {0, 0, 0};  // of a long segment: hash, where its bytes are kept, length
  NodeSlot node;
};
static_assert(sizeof(EdgeSlot) == 64);

inline std::uint64_t label_bit(const Segment& segment) noexcept {
  return std::uint64_t{1} << (segment.hash & 63U);  // the table is indexed by the high bits
}

// PatternSlot contains its grant, or says where the table of its grants is.
struct PatternSlot {
  std::uint32_t rank = 0;
  std::uint32_t mask = 0;     // of the table; 0: no table
  std::uint32_t subject = 0;  // or where the table begins
  std::uint16_t allow = 0;
  std::uint16_t deny = 0;
};
constexpr std::uint32_t kExact = std::uint32_t{1} << 31;

struct GrantSlot {
  std::uint32_t subject = 0;  // 0: an empty slot
  std::uint16_t allow = 0;
  std::uint16_t deny = 0;
};

using policy_trie::Slice;

template <typename T>
std::size_t bytes_of(const std::vector<T>& all) noexcept {
  return all.capacity() * sizeof(T);
}

// ---- the caller's subjects, in the policy's numbers ----

struct Asked {
  std::uint32_t subject = 0;
  std::uint32_t hash = 0;

  std::uint64_t bit() const noexcept { return std::uint64_t{1} << (hash >> 26U); }
};

// One walk weighs this many subjects; a caller with more subjects in the policy takes several walks.
constexpr std::size_t kMaxAsked = 32;

struct AskedList {
  std::array<Asked, kMaxAsked> list;
  std::size_t size = 0;
  std::uint64_t bits = 0;

  void add(Asked one) noexcept {
    if (one.subject == 0) return;
    list[size++] = one;
    bits |= one.bit();
  }
  void clear() noexcept { size = bits = 0; }
};

// Places are the nodes where a walk is.
struct Places {
  std::array<const NodeSlot*, policy_trie::kMaxPlacements> nodes;
  std::size_t size = 0;
};

// Position is where a walk is, with room for where it goes next.
struct Position {
  Places places[2];
  unsigned turn = 0;

  const Places& here() const noexcept { return places[turn]; }
  Places& there() noexcept { return places[1 - turn]; }
  void go() noexcept {
    places[turn].size = 0;
    turn = 1 - turn;
  }
};

// A word of Identity::Known: 40 bits for the policy, 24 for the subject; subject 0: none in this policy.
// Serial numbers are used once. When they run out, at 2^40 policies, names are looked up every time.
constexpr unsigned kSubjectBits = 24;
constexpr std::uint64_t kMaxSerial = (std::uint64_t{1} << 40U) - 1;

inline std::uint64_t next_serial() noexcept {
  static std::atomic<std::uint64_t> last{0};
  std::uint64_t serial = last.load(std::memory_order_relaxed);
  do {
    if (serial == kMaxSerial) return 0;
  } while (!last.compare_exchange_weak(serial, serial + 1, std::memory_order_relaxed));
  return serial + 1;
}

// ---- the decision, while it is being made ----

// Verdict holds the grants of the patterns with the highest standing so far: these decide.
struct Verdict {
  std::uint64_t standing = 0;  // 0: no pattern yet
  std::uint16_t allow = 0;
  std::uint16_t deny = 0;

  void add(std::uint64_t of, std::uint16_t allowed, std::uint16_t denied) noexcept {
    if (of < standing) return;
    if (of > standing) *this = {of, 0, 0};
    allow = static_cast<std::uint16_t>(allow | allowed);
    deny = static_cast<std::uint16_t>(deny | denied);
  }

  Decision on(Action action) const noexcept {
    if (ActionSet::from_bits(deny).has(action)) return Decision::denied;
    if (ActionSet::from_bits(allow).has(action)) return Decision::allowed;
    return Decision::refused;
  }
};

// Levels of Vault's search; the highest that matches counts. A list of p is looked up as "p/". An exact
// rule for that comes first, then an exact one for "p", then all others that match either form, by their
// ranks. In deny_overrides there is one level.
enum SearchLevel : std::uint64_t { as_either = 1, exact_as_p = 2, exact_as_asked = 3 };

}  // namespace compiled_policy

struct CompiledPolicy::Tables {
  Tables(policy_trie::Subjects all_subjects, policy_hash::Seed its_seed)
      : seed(its_seed), subjects(std::move(all_subjects)) {}

  PolicyMode mode = PolicyMode::deny_overrides;
  bool services_need_grants = false;
  std::uint64_t serial = compiled_policy::next_serial();
  policy_hash::Seed seed;
  unsigned edge_shift = 0;
  std::uint32_t edge_mask = 0;
  std::size_t longest_probe = 0;

  std::vector<compiled_policy::EdgeSlot> edges;
  std::vector<compiled_policy::NodeSlot> wildcard_nodes;  // the root, then those below a wildcard
  std::uint32_t num_nodes = 0;
  std::vector<compiled_policy::PatternSlot> patterns;
  std::vector<compiled_policy::GrantSlot> grants;
  compiled_policy::PatternSlot administration;
  std::vector<char> long_labels;

  // A node's prefixes are in the table of edges, under a parent number that no node has: num_nodes and up.
  std::vector<policy_trie::Slice> prefix_lengths_of;  // by number
  std::vector<std::uint8_t> prefix_lengths;
  std::vector<policy_trie::Slice> prefix_patterns_of;  // by target
  std::vector<std::uint32_t> prefix_patterns;

  policy_trie::Subjects subjects;
  compiled_policy::Asked any_user, any_service, anyone;

  // ---- decision ----

  compiled_policy::Asked asked(std::uint32_t subject) const noexcept {
    const std::uint64_t hash = policy_hash::mix(subject ^ seed.words[0], seed.words[3]);
    return {subject, static_cast<std::uint32_t>(hash >> 32U)};
  }

  std::uint32_t subject_of(Subject::Kind kind, std::string_view name) const noexcept {
    return subjects.find(kind, name) + 1;  // kNone becomes 0
  }

  std::uint32_t subject_of(Subject::Kind kind, std::string_view name, const Identity::Known& known,
                           std::size_t which) const noexcept {
    if (which >= known.size()) return subject_of(kind, name);  // the identity was moved from
    const std::uint64_t word = known[which].load(std::memory_order_relaxed);
    constexpr std::uint64_t kSubject = (std::uint64_t{1} << compiled_policy::kSubjectBits) - 1;
    if (serial != 0 && word >> compiled_policy::kSubjectBits == serial) {
      return static_cast<std::uint32_t>(word & kSubject);
    }
    const std::uint32_t subject = subject_of(kind, name);
    known[which].store(serial << compiled_policy::kSubjectBits | subject,
                       std::memory_order_relaxed);
    return subject;
  }

  static Subject::Kind kind_of(const Identity& who) noexcept {
    if (who.kind() == Identity::Kind::user) return Subject::Kind::user;
    if (who.kind() == Identity::Kind::service) return Subject::Kind::service;
    return Subject::Kind::administrator;
  }

  // for_subjects calls weigh with the caller's subjects in the policy, up to kMaxAsked at a time.
  template <typename Weigh>
  void for_subjects(const Identity& who, const Weigh& weigh) const noexcept {
    compiled_policy::AskedList some;
    some.add(anyone);
    if (who.kind() == Identity::Kind::user) some.add(any_user);
    if (who.kind() == Identity::Kind::service) some.add(any_service);
    some.add(asked_of(kind_of(who), who.id(), who.known(), 0));
    for (std::size_t i = 0; i < who.groups().size(); ++i) {
      if (some.size == compiled_policy::kMaxAsked) {
        weigh(some);
        some.clear();
      }
      some.add(asked_of(Subject::Kind::group, who.groups()[i], who.known(), i + 1));
    }
    if (some.size != 0) weigh(some);
  }

  compiled_policy::Asked asked_of(Subject::Kind kind, std::string_view name,
                                  const Identity::Known& known, std::size_t which) const noexcept {
    const std::uint32_t subject = subject_of(kind, name, known, which);
    return subject == 0 ? compiled_policy::Asked{} : asked(subject);
  }

  // find returns the node that a segment leads to, or null.
  const compiled_policy::NodeSlot* find(std::uint32_t parent,
                                        const policy_segment::Segment& segment) const noexcept {
    const std::uint64_t hash = segment.hash + parent * policy_hash::kOdd;
    for (std::size_t i = hash >> edge_shift;; i = (i + 1) & edge_mask) {
      const compiled_policy::EdgeSlot& slot = edges[i];
      if (slot.node.parent == parent && slot.words[0] == segment.words[0] &&
          slot.words[2] == segment.words[2] && same_rest(slot, segment)) {
        return &slot.node;
      }
      if (slot.node.parent == policy_trie::kNone) return nullptr;
    }
  }

  bool same_rest(const compiled_policy::EdgeSlot& slot,
                 const policy_segment::Segment& segment) const noexcept {
    if (!segment.is_long()) return slot.words[1] == segment.words[1];
    return std::memcmp(long_labels.data() + slot.words[1], segment.text.data(),
                       segment.text.size()) == 0;
  }

  void weigh_grants(const compiled_policy::PatternSlot& pattern, std::uint64_t standing,
                    const compiled_policy::AskedList& who,
                    compiled_policy::Verdict& verdict) const noexcept {
    if (pattern.mask == 0) {
      for (std::size_t i = 0; i < who.size; ++i) {
        if (who.list[i].subject != pattern.subject) continue;
        return verdict.add(standing, pattern.allow, pattern.deny);
      }
      return;
    }
    for (std::size_t i = 0; i < who.size; ++i) {
      for (std::uint32_t at = who.list[i].hash;; ++at) {
        const compiled_policy::GrantSlot& grant = grants[pattern.subject + (at & pattern.mask)];
        if (grant.subject == who.list[i].subject) {
          verdict.add(standing, grant.allow, grant.deny);
          break;
        }
        if (grant.subject == 0) break;
      }
    }
  }

  void weigh(std::uint32_t number, compiled_policy::SearchLevel level,
             compiled_policy::SearchLevel exact_level, const compiled_policy::AskedList& who,
             compiled_policy::Verdict& verdict) const noexcept {
    if (number == policy_trie::kNone) return;
    const compiled_policy::PatternSlot& pattern = patterns[number];
    const bool exact = (pattern.rank & compiled_policy::kExact) != 0;
    const std::uint64_t standing = std::uint64_t{exact ? exact_level : level} << 32U |
                                   (pattern.rank & ~compiled_policy::kExact);
    weigh_grants(pattern, standing, who, verdict);
  }

  void weigh_prefixes(std::uint32_t number, std::string_view text,
                      const compiled_policy::AskedList& who,
                      compiled_policy::Verdict& verdict) const noexcept {
    const std::uint32_t name = num_nodes + number;
    for (const std::uint8_t len : policy_trie::part(prefix_lengths, prefix_lengths_of[number])) {
      if (len > text.size()) continue;
      const compiled_policy::NodeSlot* const found =
          find(name, policy_segment::SegmentReader(seed, text.substr(0, len)).next());
      if (found == nullptr) continue;
      // The longest is found first; its patterns include those of the shorter prefixes that it begins with.
      for (const std::uint32_t pattern :
           policy_trie::part(prefix_patterns, prefix_patterns_of[found->number])) {
        weigh(pattern, compiled_policy::as_either, compiled_policy::as_either, who, verdict);
      }
      return;
    }
  }

  void weigh_ends(const compiled_policy::Places& here, compiled_policy::SearchLevel level,
                  compiled_policy::SearchLevel exact_level, const compiled_policy::AskedList& who,
                  compiled_policy::Verdict& verdict) const noexcept {
    for (std::size_t i = 0; i < here.size; ++i) {
      weigh(here.nodes[i]->end, level, exact_level, who, verdict);
    }
  }

  void weigh_tails(const compiled_policy::Places& here, const compiled_policy::AskedList& who,
                   compiled_policy::Verdict& verdict) const noexcept {
    for (std::size_t i = 0; i < here.size; ++i) {
      weigh(here.nodes[i]->tail, compiled_policy::as_either, compiled_policy::as_either, who,
            verdict);
    }
  }

  // stand adds a node to places, unless nothing there and below is for the caller.
  static void stand(const compiled_policy::NodeSlot& node, const compiled_policy::AskedList& who,
                    compiled_policy::Places& places) noexcept {
    if ((node.subjects & who.bits) != 0) places.nodes[places.size++] = &node;
  }

  // pass moves on by one segment, and weighs the patterns that match whatever follows.
  void pass(compiled_policy::Position& walk, const policy_segment::Segment& segment,
            const compiled_policy::AskedList& who,
            compiled_policy::Verdict& verdict) const noexcept {
    const compiled_policy::Places& here = walk.here();
    compiled_policy::Places& there = walk.there();
    for (std::size_t i = 0; i < here.size; ++i) {
      const compiled_policy::NodeSlot& node = *here.nodes[i];
      weigh(node.tail, compiled_policy::as_either, compiled_policy::as_either, who, verdict);
      if (node.prefixes != policy_trie::kNone)
        weigh_prefixes(node.prefixes, segment.text, who, verdict);
      if (node.any != 0) stand(wildcard_nodes[node.any], who, there);
      if ((node.labels & compiled_policy::label_bit(segment)) == 0) continue;
      const compiled_policy::NodeSlot* const below = find(node.number, segment);
      if (below != nullptr) stand(*below, who, there);
    }
    walk.go();
  }

  // pass_all moves on by all segments of text.
  void pass_all(compiled_policy::Position& walk, std::string_view text,
                const compiled_policy::AskedList& who,
                compiled_policy::Verdict& verdict) const noexcept {
    policy_segment::SegmentReader reader(seed, text);
    while (!reader.at_end() && walk.here().size != 0) pass(walk, reader.next(), who, verdict);
  }

  // ask weighs what the rules say about a path; below is set for a list.
  void ask(std::string_view path, bool below, const compiled_policy::AskedList& who,
           compiled_policy::Verdict& verdict) const noexcept {
    if (mode == PolicyMode::vault_compat) return ask_vault(path, below, who, verdict);
    compiled_policy::Position walk;
    stand(wildcard_nodes[0], who, walk.places[0]);
    if (!path.empty()) pass_all(walk, path, who, verdict);
    weigh_ends(walk.here(), compiled_policy::as_either, compiled_policy::as_either, who, verdict);
    if (below) weigh_tails(walk.here(), who, verdict);
  }

  // ask_vault looks up "path/" if below is set, else the path.
  void ask_vault(std::string_view path, bool below, const compiled_policy::AskedList& who,
                 compiled_policy::Verdict& verdict) const noexcept {
    compiled_policy::Position walk;
    stand(wildcard_nodes[0], who, walk.places[0]);
    pass_all(walk, path, who, verdict);
    if (below) {
      weigh_ends(walk.here(), compiled_policy::as_either, compiled_policy::exact_as_p, who,
                 verdict);
      pass(walk, policy_segment::SegmentReader(seed, {}).next(), who, verdict);
    }
    weigh_ends(walk.here(), compiled_policy::as_either, compiled_policy::exact_as_asked, who,
               verdict);
  }
};

namespace compiled_policy {

// ---- freezing ----

constexpr std::size_t kLongestProbe = 256;
constexpr int kMaxSeeds = 16;

}  // namespace compiled_policy

class CompiledPolicy::Freezer {
 public:
  Freezer(const policy_trie::Trie& trie, Tables& tables) : trie_(trie), tables_(tables) {}

  Result<void> freeze() {
    tables_.mode = trie_.mode;
    for (int i = 0; i < compiled_policy::kMaxSeeds; ++i) {
      freeze_subjects();
      freeze_grants();
      freeze_nodes();
      freeze_edges();
      if (tables_.longest_probe <= compiled_policy::kLongestProbe) return {};
      STRONGROOM_TRY(reseed());
    }
    return Error{Code::internal, "no seed spread the edges of a policy"};
  }

 private:
  void freeze_subjects() {
    tables_.anyone = everybody(Subject::Kind::anyone);
    tables_.any_user = everybody(Subject::Kind::any_user);
    tables_.any_service = everybody(Subject::Kind::any_service);
  }

  compiled_policy::Asked everybody(Subject::Kind kind) const {
    const std::uint32_t subject = tables_.subject_of(kind, {});
    return subject == 0 ? compiled_policy::Asked{} : tables_.asked(subject);
  }

  void freeze_grants() {
    tables_.patterns.reserve(trie_.patterns.size());
    subjects_of_.reserve(trie_.patterns.size());
    for (const policy_trie::Pattern& pattern : trie_.patterns) {
      compiled_policy::PatternSlot slot = granted(pattern.grants);
      slot.rank = pattern.rank | (pattern.exact ? compiled_policy::kExact : 0);
      tables_.patterns.push_back(slot);
    }
    tables_.administration = granted(trie_.administration);
  }

  compiled_policy::PatternSlot granted(std::span<const policy_trie::Grant> grants) {
    merge(grants);
    compiled_policy::PatternSlot slot;
    std::uint64_t subjects = 0;
    for (const compiled_policy::GrantSlot& grant : merged_)
      subjects |= tables_.asked(grant.subject).bit();
    subjects_of_.push_back(subjects);
    if (merged_.size() == 1) {
      slot.subject = merged_.front().subject;
      slot.allow = merged_.front().allow;
      slot.deny = merged_.front().deny;
    } else if (merged_.size() > 1) {
      const std::size_t size = std::bit_ceil(2 * merged_.size());
      slot.mask = static_cast<std::uint32_t>(size - 1);
      slot.subject = static_cast<std::uint32_t>(tables_.grants.size());
      tables_.grants.resize(tables_.grants.size() + size);
      for (const compiled_policy::GrantSlot& grant : merged_) put_grant(slot, grant);
    }
    return slot;
  }

  // merge joins the grants of each subject. grants  sorted by subject.
  void merge(std::span<const policy_trie::Grant> grants) {
    merged_.clear();
    for (const policy_trie::Grant& grant : grants) {
      const std::uint32_t subject = grant.subject + 1;
      if (merged_.empty() || merged_.back().subject != subject) merged_.push_back({subject, 0, 0});
      compiled_policy::GrantSlot& slot = merged_.back();
      slot.allow = static_cast<std::uint16_t>(slot.allow | grant.allow.bits());
      slot.deny = static_cast<std::uint16_t>(slot.deny | grant.deny.bits());
    }
  }

  void put_grant(const compiled_policy::PatternSlot& table,
                 const compiled_policy::GrantSlot& grant) {
    std::uint32_t at = tables_.asked(grant.subject).hash;
    while (tables_.grants[table.subject + (at & table.mask)].subject != 0) ++at;
    tables_.grants[table.subject + (at & table.mask)] = grant;
  }

  void freeze_nodes() {
    tables_.num_nodes = static_cast<std::uint32_t>(trie_.nodes.size());
    segments_.clear();
    for (std::uint32_t label = 0; label < trie_.labels.size(); ++label) {
      segments_.push_back(policy_segment::SegmentReader(tables_.seed, trie_.labels[label]).next());
    }
    nodes_.assign(trie_.nodes.size(), {});
    for (const policy_trie::Child& child : trie_.children) {
      nodes_[child.parent].labels |= compiled_policy::label_bit(segments_[child.label]);
    }
    for (std::uint32_t i = tables_.num_nodes; i-- > 0;) {  // the nodes below have higher numbers
      freeze_node(i);
      if (i != 0) nodes_[trie_.nodes[i].parent].subjects |= nodes_[i].subjects;
    }
    freeze_wildcards();
  }

  void freeze_node(std::uint32_t number) {
    const policy_trie::Node& node = trie_.nodes[number];
    compiled_policy::NodeSlot& slot = nodes_[number];
    slot.number = number;
    slot.end = node.end;
    slot.tail = node.tail;
    slot.prefixes = node.prefixes;
    slot.parent = node.parent;
    slot.subjects |= subjects_of(node.end) | subjects_of(node.tail);
    if (node.prefixes == policy_trie::kNone) return;
    for (const policy_trie::Prefix& prefix : trie_.prefixes[node.prefixes]) {
      slot.subjects |= subjects_of(prefix.pattern);
    }
  }

  std::uint64_t subjects_of(std::uint32_t pattern) const {
    return pattern == policy_trie::kNone ? 0 : subjects_of_[pattern];
  }

  // Every node gets its index into wildcard_nodes before any node is copied to its final place.
  void freeze_wildcards() {
    std::uint32_t next = 1;
    for (std::uint32_t i = 0; i < tables_.num_nodes; ++i) {
      if (trie_.nodes[i].any != policy_trie::kNone) nodes_[i].any = next++;
    }
    tables_.wildcard_nodes.reserve(next);
    tables_.wildcard_nodes.push_back(nodes_[0]);
    for (const policy_trie::Node& node : trie_.nodes) {
      if (node.any != policy_trie::kNone) tables_.wildcard_nodes.push_back(nodes_[node.any]);
    }
  }

  void freeze_edges() {
    std::size_t num_edges = trie_.children.size();
    for (const auto& list : trie_.prefixes) num_edges += list.size();
    const std::size_t size = std::max<std::size_t>(16, std::bit_ceil(2 * num_edges));
    tables_.edges.resize(size);
    tables_.edge_mask = static_cast<std::uint32_t>(size - 1);
    tables_.edge_shift = 64U - static_cast<unsigned>(std::countr_zero(size));
    for (const policy_trie::Child& child : trie_.children) put(child.label, nodes_[child.node]);
    for (std::uint32_t number = 0; number < trie_.prefixes.size(); ++number) put_prefixes(number);
  }

  void put(std::uint32_t label, const compiled_policy::NodeSlot& node) {
    const policy_segment::Segment& segment = segments_[label];
    compiled_policy::EdgeSlot slot{{segment.words[0], segment.words[1], segment.words[2]}, node};
    if (segment.is_long()) {
      slot.words[1] = tables_.long_labels.size();
      tables_.long_labels.insert(tables_.long_labels.end(), segment.text.begin(),
                                 segment.text.end());
    }
    std::size_t at = (segment.hash + node.parent * policy_hash::kOdd) >> tables_.edge_shift;
    std::size_t probe = 1;
    for (; tables_.edges[at].node.parent != policy_trie::kNone; ++probe)
      at = (at + 1) & tables_.edge_mask;
    tables_.edges[at] = slot;
    tables_.longest_probe = std::max(tables_.longest_probe, probe);
  }

  // A prefix lists its own pattern and those of the node's prefixes that it begins with.
  void put_prefixes(std::uint32_t number) {
    std::vector<policy_trie::Prefix> chain;
    std::vector<std::uint8_t> lengths;
    for (const policy_trie::Prefix& prefix : trie_.prefixes[number]) {
      const std::string_view text = trie_.labels[prefix.label];
      while (!chain.empty() && !text.starts_with(trie_.labels[chain.back().label])) {
        chain.pop_back();
      }
      chain.push_back(prefix);
      lengths.push_back(static_cast<std::uint8_t>(text.size()));
      compiled_policy::NodeSlot slot;
      slot.number = listed(chain);
      slot.parent = tables_.num_nodes + number;
      put(prefix.label, slot);
    }
    std::sort(lengths.begin(), lengths.end(), std::greater<>());
    lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
    tables_.prefix_lengths_of.push_back(append(tables_.prefix_lengths, lengths));
  }

  std::uint32_t listed(const std::vector<policy_trie::Prefix>& chain) {
    std::vector<std::uint32_t> patterns;
    for (const policy_trie::Prefix& prefix : chain) patterns.push_back(prefix.pattern);
    tables_.prefix_patterns_of.push_back(append(tables_.prefix_patterns, patterns));
    return static_cast<std::uint32_t>(tables_.prefix_patterns_of.size() - 1);
  }

  template <typename T>
  static policy_trie::Slice append(std::vector<T>& all, const std::vector<T>& some) {
    const policy_trie::Slice slice{static_cast<std::uint32_t>(all.size()),
                                   static_cast<std::uint32_t>(some.size())};
    all.insert(all.end(), some.begin(), some.end());
    return slice;
  }

  // reseed starts again with another seed.
  Result<void> reseed() {
    STRONGROOM_ASSIGN(seed, policy_hash::Seed::random());
    Tables fresh(std::move(tables_.subjects), seed);
    fresh.mode = tables_.mode;
    fresh.services_need_grants = tables_.services_need_grants;
    tables_ = std::move(fresh);
    subjects_of_.clear();
    return {};
  }

  const policy_trie::Trie& trie_;
  Tables& tables_;
  std::vector<compiled_policy::GrantSlot> merged_;
  std::vector<std::uint64_t> subjects_of_;         // by pattern
  std::vector<policy_segment::Segment> segments_;  // by label
  std::vector<compiled_policy::NodeSlot> nodes_;
};

CompiledPolicy::CompiledPolicy(std::unique_ptr<const Tables> tables) noexcept
    : tables_(std::move(tables)) {}
CompiledPolicy::~CompiledPolicy() = default;

Result<std::shared_ptr<const CompiledPolicy>> CompiledPolicy::compile(const PolicyRules& rules) {
  STRONGROOM_ASSIGN(trie, policy_trie::build(rules));
  STRONGROOM_ASSIGN(seed, policy_hash::Seed::random());
  auto tables = std::make_unique<Tables>(std::move(trie.subjects), seed);
  tables->services_need_grants = rules.services_need_grants;
  STRONGROOM_TRY(Freezer(trie, *tables).freeze());
  return std::shared_ptr<const CompiledPolicy>(new CompiledPolicy(std::move(tables)));
}

PolicyMode CompiledPolicy::mode() const noexcept {
  return tables_->mode;
}

bool CompiledPolicy::services_need_grants() const noexcept {
  return tables_->services_need_grants;
}

Decision CompiledPolicy::by_rules(const Identity& who, Action action,
                                  const Path& path) const noexcept {
  compiled_policy::Verdict verdict;
  const bool below = action == Action::list || action == Action::scan;
  if (is_administration(action)) {
    tables_->for_subjects(who, [&](const compiled_policy::AskedList& some) {
      tables_->weigh_grants(tables_->administration, compiled_policy::as_either, some, verdict);
    });
  } else if (!path.is_root()) {
    tables_->for_subjects(who, [&](const compiled_policy::AskedList& some) {
      tables_->ask(path.text(), below, some, verdict);
    });
  } else if (below) {
    // Vault looks up a list of the root as "": there is no path to add a '/' to.
    tables_->for_subjects(who, [&](const compiled_policy::AskedList& some) {
      tables_->ask({}, tables_->mode == PolicyMode::deny_overrides, some, verdict);
    });
  }
  return verdict.on(action);
}

Decision CompiledPolicy::decide_raw(const Identity& who, Action action,
                                    std::string_view request) const noexcept {
  if (who.kind() == Identity::Kind::trusted) return Decision::allowed;
  if (tables_->mode != PolicyMode::vault_compat || is_administration(action)) {
    return Decision::refused;
  }
  while (request.starts_with('/')) request.remove_prefix(1);
  const bool below = (action == Action::list || action == Action::scan) && request.ends_with('/');
  if (below) request.remove_suffix(1);
  compiled_policy::Verdict verdict;
  tables_->for_subjects(who, [&](const compiled_policy::AskedList& some) {
    tables_->ask_vault(request, below, some, verdict);
  });
  return verdict.on(action);
}

std::size_t CompiledPolicy::num_nodes() const noexcept {
  return tables_->num_nodes;
}

std::size_t CompiledPolicy::longest_probe() const noexcept {
  return tables_->longest_probe;
}

std::size_t CompiledPolicy::memory_bytes() const noexcept {
  const Tables& of = *tables_;
  std::size_t bytes =
      sizeof of + compiled_policy::bytes_of(of.edges) +
      compiled_policy::bytes_of(of.wildcard_nodes) + compiled_policy::bytes_of(of.patterns) +
      compiled_policy::bytes_of(of.grants) + compiled_policy::bytes_of(of.long_labels) +
      compiled_policy::bytes_of(of.prefix_lengths_of) +
      compiled_policy::bytes_of(of.prefix_lengths) +
      compiled_policy::bytes_of(of.prefix_patterns_of) +
      compiled_policy::bytes_of(of.prefix_patterns) + compiled_policy::bytes_of(of.subjects.all());
  for (const Subject& subject : of.subjects.all()) bytes += subject.name.capacity();
  return bytes;
}

}  // namespace strongroom
