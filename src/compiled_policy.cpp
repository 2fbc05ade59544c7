// compiled_policy.cpp: the automaton frozen into tables, and the decision; see
// policy/compiled_policy.hpp.
//
// A step is one probe of one table by (state, segment): two slots to a cache line, the segment's
// bytes in the slot. A state is one line, a pattern with a single grant one line more.
#include "strongroom/policy/compiled_policy.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "policy_parts.hpp"
#include "policy_segment.hpp"

namespace strongroom {
namespace {

using policy_hash::Seed;
using policy_parts::kNone;
using policy_segment::Segment;
using policy_segment::SegmentReader;

// ---- tables ----

struct alignas(32) EdgeSlot {
  std::uint64_t words[3] = {0, 0, 0};  // of a long segment: hash, where its bytes are kept, length
  std::uint32_t state = kNone;         // or none: an empty slot
  std::uint32_t target = 0;
};

struct StateSlot {
  std::uint32_t edges_of = 0;
  std::uint32_t miss = 0;
  std::uint32_t ends = 0;  // the pattern if there is one, else where they are listed
  std::uint32_t tails = 0;
  std::uint32_t prefixes = 0;
  std::uint8_t num_ends = 0;
  std::uint8_t num_tails = 0;
  std::uint8_t num_prefixes = 0;
  std::uint8_t flags = 0;
};
constexpr std::uint8_t kHasEdges = 1;
constexpr std::uint8_t kMissSteps = 2;

// PatternSlot has its one grant in it, or says where the table of them is.
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

// PrefixSlot is a node's prefixes: which lengths there are, the longest first, and the name under
// which the edge table has them.
struct PrefixSlot {
  std::uint32_t name = 0;
  std::uint32_t lengths = 0;
  std::uint32_t num_lengths = 0;
};

struct Slice {
  std::uint32_t first = 0;
  std::uint32_t size = 0;
};

template <typename T>
std::size_t bytes_of(const std::vector<T>& all) noexcept {
  return all.capacity() * sizeof(T);
}

// ---- who asks, in the policy's numbers ----

struct Asked {
  std::uint32_t subject = 0;
  std::uint32_t hash = 0;
};

// As many subjects are weighed in one walk; who has more in a policy is weighed in several.
constexpr std::size_t kMaxAsked = 32;

struct AskedList {
  std::array<Asked, kMaxAsked> list;
  std::size_t size = 0;
};

// A word of Identity::Known: 40 bits for the policy, 24 for the subject, 0 for none of its subjects.
// Serial numbers are given once. When they run out, at 2^40 policies, names are looked up every time.
constexpr unsigned kSubjectBits = 24;
constexpr std::uint64_t kMaxSerial = (std::uint64_t{1} << 40U) - 1;

std::uint64_t next_serial() noexcept {
  static std::atomic<std::uint64_t> last{0};
  std::uint64_t serial = last.load(std::memory_order_relaxed);
  do {
    if (serial == kMaxSerial) return 0;
  } while (!last.compare_exchange_weak(serial, serial + 1, std::memory_order_relaxed));
  return serial + 1;
}

// ---- the answer, as it comes together ----

// Verdict holds the grants of the patterns that decide so far: those of the highest standing.
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

// Levels of Vault's search, of which the first hit counts: a list of p is asked as "p/", and then as
// "p". In deny_overrides there is one.
enum Level : std::uint64_t { as_p = 1, as_asked = 2, exact_as_p = 3, exact_as_asked = 4 };

}  // namespace

struct CompiledPolicy::Tables {
  explicit Tables(policy_parts::Subjects all_subjects) : subjects(std::move(all_subjects)) {}

  PolicyMode mode = PolicyMode::deny_overrides;
  bool services_need_grants = false;
  std::uint64_t serial = next_serial();
  Seed seed = Seed::random();
  unsigned edge_shift = 0;
  std::uint32_t edge_mask = 0;
  std::uint32_t start = 0;
  std::size_t longest_probe = 0;

  std::vector<EdgeSlot> edges;
  std::vector<StateSlot> states;
  std::vector<std::uint32_t> matches;
  std::vector<PatternSlot> patterns;
  std::vector<GrantSlot> grants;
  PatternSlot administration;
  std::vector<PrefixSlot> prefixes;
  std::vector<std::uint8_t> prefix_lengths;
  std::vector<Slice> prefix_matches;
  std::vector<char> long_labels;

  policy_parts::Subjects subjects;
  Asked any_user, any_service, anyone;

  // ---- decision ----

  Asked asked(std::uint32_t subject) const noexcept {
    const std::uint64_t hash = policy_hash::mix(subject ^ seed.words[0], seed.words[3]);
    return {subject, static_cast<std::uint32_t>(hash >> 32U)};
  }

  std::uint32_t subject_of(Subject::Kind kind, std::string_view name) const noexcept {
    return subjects.find(kind, name) + 1;  // kNone becomes 0
  }

  std::uint32_t subject_of(Subject::Kind kind, std::string_view name,
                           std::atomic<std::uint64_t>& known) const noexcept {
    const std::uint64_t word = known.load(std::memory_order_relaxed);
    constexpr std::uint64_t kSubject = (std::uint64_t{1} << kSubjectBits) - 1;
    if (serial != 0 && word >> kSubjectBits == serial) {
      return static_cast<std::uint32_t>(word & kSubject);
    }
    const std::uint32_t subject = subject_of(kind, name);
    known.store(serial << kSubjectBits | subject, std::memory_order_relaxed);
    return subject;
  }

  static Subject::Kind kind_of(const Identity& who) noexcept {
    if (who.kind() == Identity::Kind::user) return Subject::Kind::user;
    if (who.kind() == Identity::Kind::service) return Subject::Kind::service;
    return Subject::Kind::administrator;
  }

  // for_subjects calls weigh with the subjects of the policy that somebody is, so many at a time.
  template <typename Weigh>
  void for_subjects(const Identity& who, const Weigh& weigh) const noexcept {
    AskedList some;
    const auto add = [&](Asked one) {
      if (one.subject == 0) return;
      if (some.size == kMaxAsked) {
        weigh(some);
        some.size = 0;
      }
      some.list[some.size++] = one;
    };
    add(anyone);
    if (who.kind() == Identity::Kind::user) add(any_user);
    if (who.kind() == Identity::Kind::service) add(any_service);
    add(asked_of(kind_of(who), who.id(), who.known()[0]));
    for (std::size_t i = 0; i < who.groups().size(); ++i) {
      add(asked_of(Subject::Kind::group, who.groups()[i], who.known()[i + 1]));
    }
    if (some.size != 0) weigh(some);
  }

  Asked asked_of(Subject::Kind kind, std::string_view name,
                 std::atomic<std::uint64_t>& known) const noexcept {
    const std::uint32_t subject = subject_of(kind, name, known);
    return subject == 0 ? Asked{} : asked(subject);
  }

  const EdgeSlot* find(std::uint32_t state, const Segment& segment) const noexcept {
    const std::uint64_t hash = segment.hash + state * policy_hash::kOdd;
    for (std::size_t i = hash >> edge_shift;; i = (i + 1) & edge_mask) {
      const EdgeSlot& slot = edges[i];
      if (slot.state == state && slot.words[0] == segment.words[0] &&
          slot.words[2] == segment.words[2] && same_rest(slot, segment)) {
        return &slot;
      }
      if (slot.state == kNone) return nullptr;
    }
  }

  bool same_rest(const EdgeSlot& slot, const Segment& segment) const noexcept {
    if (!segment.is_long()) return slot.words[1] == segment.words[1];
    return std::memcmp(long_labels.data() + slot.words[1], segment.text.data(),
                       segment.text.size()) == 0;
  }

  std::uint32_t step(std::uint32_t state, const Segment& segment) const noexcept {
    for (;;) {
      const StateSlot& at = states[state];
      if ((at.flags & kHasEdges) != 0) {
        const EdgeSlot* const edge = find(at.edges_of, segment);
        if (edge != nullptr) return edge->target;
      }
      state = at.miss;
      if ((at.flags & kMissSteps) != 0) return state;
    }
  }

  void weigh_grants(const PatternSlot& pattern, std::uint64_t standing, const AskedList& who,
                    Verdict& verdict) const noexcept {
    if (pattern.mask == 0) {
      for (std::size_t i = 0; i < who.size; ++i) {
        if (who.list[i].subject != pattern.subject) continue;
        return verdict.add(standing, pattern.allow, pattern.deny);
      }
      return;
    }
    for (std::size_t i = 0; i < who.size; ++i) {
      for (std::uint32_t at = who.list[i].hash;; ++at) {
        const GrantSlot& grant = grants[pattern.subject + (at & pattern.mask)];
        if (grant.subject == who.list[i].subject) {
          verdict.add(standing, grant.allow, grant.deny);
          break;
        }
        if (grant.subject == 0) break;
      }
    }
  }

  void weigh(std::uint32_t first, std::size_t size, Level level, Level exact_level,
             const AskedList& who, Verdict& verdict) const noexcept {
    for (std::size_t i = 0; i < size; ++i) {
      const PatternSlot& pattern = patterns[size == 1 ? first : matches[first + i]];
      const bool exact = (pattern.rank & kExact) != 0;
      const std::uint64_t standing =
          std::uint64_t{exact ? exact_level : level} << 32U | (pattern.rank & ~kExact);
      weigh_grants(pattern, standing, who, verdict);
    }
  }

  void weigh_ends(std::uint32_t state, Level level, Level exact_level, const AskedList& who,
                  Verdict& verdict) const noexcept {
    const StateSlot& at = states[state];
    weigh(at.ends, at.num_ends, level, exact_level, who, verdict);
  }

  void weigh_tails(std::uint32_t state, const AskedList& who, Verdict& verdict) const noexcept {
    const StateSlot& at = states[state];
    weigh(at.tails, at.num_tails, as_asked, as_asked, who, verdict);
  }

  void weigh_prefixes(std::uint32_t state, std::string_view text, const AskedList& who,
                      Verdict& verdict) const noexcept {
    const StateSlot& at = states[state];
    for (std::uint32_t i = at.prefixes; i < at.prefixes + at.num_prefixes; ++i) {
      const PrefixSlot& node = prefixes[i];
      for (std::uint32_t j = node.lengths; j < node.lengths + node.num_lengths; ++j) {
        const std::size_t len = prefix_lengths[j];
        if (len > text.size()) continue;
        const EdgeSlot* const found =
            find(node.name, SegmentReader(seed, text.substr(0, len)).next());
        if (found == nullptr) continue;
        // With the longest come all shorter ones that it has.
        const Slice all = prefix_matches[found->target];
        for (std::uint32_t k = all.first; k < all.first + all.size; ++k) {
          weigh(matches[k], 1, as_asked, as_asked, who, verdict);
        }
        break;
      }
    }
  }

  // walk goes from the start by all segments of text, weighing what it passes, to where they lead.
  std::uint32_t walk(std::string_view text, const AskedList& who, Verdict& verdict) const noexcept {
    std::uint32_t state = start;
    SegmentReader reader(seed, text);
    while (!reader.at_end() && state != 0) {
      const Segment segment = reader.next();
      state = pass(state, segment, who, verdict);
    }
    return state;
  }

  std::uint32_t pass(std::uint32_t state, const Segment& segment, const AskedList& who,
                     Verdict& verdict) const noexcept {
    weigh_tails(state, who, verdict);
    if (states[state].num_prefixes != 0) weigh_prefixes(state, segment.text, who, verdict);
    return step(state, segment);
  }

  // ask weighs what the rules say to a path; for a list, below is set.
  void ask(std::string_view path, bool below, const AskedList& who,
           Verdict& verdict) const noexcept {
    if (mode == PolicyMode::vault_compat) return ask_vault(path, below, who, verdict);
    const std::uint32_t state = path.empty() ? start : walk(path, who, verdict);
    weigh_ends(state, as_asked, as_asked, who, verdict);
    if (below) weigh_tails(state, who, verdict);
  }

  // ask_vault asks for "path/" where below is set, and else for the path.
  void ask_vault(std::string_view path, bool below, const AskedList& who,
                 Verdict& verdict) const noexcept {
    std::uint32_t state = walk(path, who, verdict);
    if (below) {
      weigh_ends(state, as_p, exact_as_p, who, verdict);
      state = pass(state, SegmentReader(seed, {}).next(), who, verdict);
    }
    weigh_ends(state, as_asked, exact_as_asked, who, verdict);
  }
};

namespace {

// ---- freezing ----

constexpr std::size_t kLongestProbe = 256;
constexpr int kMaxSeeds = 16;

// merged adds up the grants of each subject, which come by subject.
std::vector<GrantSlot> merged(std::span<const PolicyAutomaton::Grant> grants) {
  std::vector<GrantSlot> slots;
  for (const PolicyAutomaton::Grant& grant : grants) {
    const std::uint32_t subject = grant.subject + 1;
    if (slots.empty() || slots.back().subject != subject) slots.push_back({subject, 0, 0});
    slots.back().allow = static_cast<std::uint16_t>(slots.back().allow | grant.allow.bits());
    slots.back().deny = static_cast<std::uint16_t>(slots.back().deny | grant.deny.bits());
  }
  return slots;
}

}  // namespace

// Freezer is a friend by being a member.
class CompiledPolicy::Freezer {
 public:
  Freezer(const PolicyAutomaton::Parts& parts, Tables& tables) : parts_(parts), tables_(tables) {}

  Result<void> freeze() {
    tables_.mode = parts_.mode;
    tables_.start = parts_.start;
    freeze_subjects();
    freeze_grants();
    freeze_states();
    freeze_prefixes();
    return freeze_edges();
  }

 private:
  void freeze_subjects() {
    tables_.anyone = everybody(Subject::Kind::anyone);
    tables_.any_user = everybody(Subject::Kind::any_user);
    tables_.any_service = everybody(Subject::Kind::any_service);
  }

  Asked everybody(Subject::Kind kind) const {
    const std::uint32_t subject = tables_.subject_of(kind, {});
    return subject == 0 ? Asked{} : tables_.asked(subject);
  }

  void freeze_grants() {
    tables_.patterns.reserve(parts_.patterns.size());
    for (const PolicyAutomaton::Pattern& pattern : parts_.patterns) {
      PatternSlot slot = granted(pattern.grants);
      slot.rank = pattern.rank | (pattern.exact ? kExact : 0);
      tables_.patterns.push_back(slot);
    }
    tables_.administration = granted(parts_.administration);
  }

  PatternSlot granted(std::span<const PolicyAutomaton::Grant> grants) {
    PatternSlot slot;
    const std::vector<GrantSlot> each = merged(grants);
    if (each.size() == 1) {
      slot.subject = each.front().subject;
      slot.allow = each.front().allow;
      slot.deny = each.front().deny;
    } else if (each.size() > 1) {
      const std::size_t size = std::bit_ceil(2 * each.size());
      slot.mask = static_cast<std::uint32_t>(size - 1);
      slot.subject = static_cast<std::uint32_t>(tables_.grants.size());
      tables_.grants.resize(tables_.grants.size() + size);
      for (const GrantSlot& grant : each) put_grant(slot, grant);
    }
    return slot;
  }

  void put_grant(const PatternSlot& table, const GrantSlot& grant) {
    std::uint32_t at = tables_.asked(grant.subject).hash;
    while (tables_.grants[table.subject + (at & table.mask)].subject != 0) ++at;
    tables_.grants[table.subject + (at & table.mask)] = grant;
  }

  void freeze_states() {
    tables_.matches = parts_.matches;
    tables_.states.reserve(parts_.states.size());
    for (const policy_parts::StateRow& row : parts_.states) {
      StateSlot slot;
      slot.edges_of = row.edges_of;
      slot.miss = row.miss;
      slot.num_ends = static_cast<std::uint8_t>(row.ends.size);
      slot.num_tails = static_cast<std::uint8_t>(row.tails.size);
      slot.ends = inlined(row.ends);
      slot.tails = inlined(row.tails);
      slot.flags = row.miss_steps ? kMissSteps : 0;
      if (parts_.states[row.edges_of].edges.size != 0) slot.flags |= kHasEdges;
      slot.prefixes = static_cast<std::uint32_t>(tables_.prefixes.size());
      slot.num_prefixes = static_cast<std::uint8_t>(row.prefixes.size);
      for (const std::uint32_t node : policy_parts::part(parts_.state_prefixes, row.prefixes)) {
        tables_.prefixes.push_back({prefix_name(node), 0, 0});
      }
      tables_.states.push_back(slot);
    }
  }

  std::uint32_t inlined(policy_parts::Slice slice) const {
    return slice.size == 1 ? parts_.matches[slice.first] : slice.first;
  }

  // The edge table has a node's prefixes under a name that no state has.
  std::uint32_t prefix_name(std::uint32_t node) const {
    return static_cast<std::uint32_t>(parts_.states.size()) + node;
  }

  void freeze_prefixes() {
    std::vector<Slice> lengths_of;
    for (const auto& list : parts_.prefixes) lengths_of.push_back(lengths(list));
    for (PrefixSlot& slot : tables_.prefixes) {
      const Slice slice = lengths_of[slot.name - parts_.states.size()];
      slot.lengths = slice.first;
      slot.num_lengths = slice.size;
    }
  }

  Slice lengths(const std::vector<policy_parts::Prefix>& list) {
    Slice slice{static_cast<std::uint32_t>(tables_.prefix_lengths.size()), 0};
    for (auto prefix = list.rbegin(); prefix != list.rend(); ++prefix) {  // the longest first
      const auto len = static_cast<std::uint8_t>(parts_.labels[prefix->label].size());
      if (slice.size != 0 && tables_.prefix_lengths.back() == len) continue;
      tables_.prefix_lengths.push_back(len);
      ++slice.size;
    }
    return slice;
  }

  Result<void> freeze_edges() {
    std::size_t num_edges = parts_.edges.size();
    for (const auto& list : parts_.prefixes) num_edges += list.size();
    const std::size_t size = std::max<std::size_t>(16, std::bit_ceil(2 * num_edges));
    for (int i = 0; i < kMaxSeeds; ++i) {
      tables_.edges.assign(size, {});
      tables_.edge_mask = static_cast<std::uint32_t>(size - 1);
      tables_.edge_shift = 64U - static_cast<unsigned>(std::countr_zero(size));
      put_edges();
      put_prefixes();
      if (tables_.longest_probe <= kLongestProbe) return {};
      reseed();
    }
    return Error{Code::internal, "no seed spread the edges of a policy"};
  }

  // Another seed moves the grants of patterns as well: all of it anew.
  void reseed() {
    tables_.seed = Seed::random();
    tables_.longest_probe = 0;
    tables_.patterns.clear();
    tables_.grants.clear();
    tables_.long_labels.clear();
    tables_.prefix_matches.clear();
    tables_.matches = parts_.matches;
    freeze_subjects();
    freeze_grants();
  }

  void put_edges() {
    for (std::uint32_t state = 0; state < parts_.states.size(); ++state) {
      for (const policy_parts::Edge& edge :
           policy_parts::part(parts_.edges, parts_.states[state].edges)) {
        put(state, parts_.labels[edge.label], edge.target);
      }
    }
  }

  void put(std::uint32_t state, std::string_view label, std::uint32_t target) {
    const Segment segment = SegmentReader(tables_.seed, label).next();
    EdgeSlot slot{{segment.words[0], segment.words[1], segment.words[2]}, state, target};
    if (segment.is_long()) {
      slot.words[1] = tables_.long_labels.size();
      tables_.long_labels.insert(tables_.long_labels.end(), label.begin(), label.end());
    }
    std::size_t at = (segment.hash + state * policy_hash::kOdd) >> tables_.edge_shift;
    std::size_t probe = 1;
    for (; tables_.edges[at].state != kNone; ++probe) at = (at + 1) & tables_.edge_mask;
    tables_.edges[at] = slot;
    tables_.longest_probe = std::max(tables_.longest_probe, probe);
  }

  // A prefix's matches are its own pattern and those of the node's prefixes that it begins with.
  void put_prefixes() {
    for (std::uint32_t node = 0; node < parts_.prefixes.size(); ++node) {
      std::vector<policy_parts::Prefix> by_text = parts_.prefixes[node];
      std::sort(by_text.begin(), by_text.end(), [&](const auto& a, const auto& b) {
        return parts_.labels[a.label] < parts_.labels[b.label];
      });
      std::vector<policy_parts::Prefix> chain;
      for (const policy_parts::Prefix& prefix : by_text) {
        const std::string_view text = parts_.labels[prefix.label];
        while (!chain.empty() && !text.starts_with(parts_.labels[chain.back().label])) {
          chain.pop_back();
        }
        chain.push_back(prefix);
        put(prefix_name(node), text, listed(chain));
      }
    }
  }

  std::uint32_t listed(const std::vector<policy_parts::Prefix>& chain) {
    tables_.prefix_matches.push_back({static_cast<std::uint32_t>(tables_.matches.size()),
                                      static_cast<std::uint32_t>(chain.size())});
    for (const policy_parts::Prefix& prefix : chain) tables_.matches.push_back(prefix.pattern);
    return static_cast<std::uint32_t>(tables_.prefix_matches.size() - 1);
  }

  const PolicyAutomaton::Parts& parts_;
  Tables& tables_;
};

CompiledPolicy::CompiledPolicy(std::unique_ptr<const Tables> tables) noexcept
    : tables_(std::move(tables)) {}
CompiledPolicy::~CompiledPolicy() = default;

Result<std::shared_ptr<const CompiledPolicy>> CompiledPolicy::compile(const PolicyRules& rules) {
  const auto automaton = PolicyAutomaton::build(rules);
  if (!automaton) return automaton.error();
  return compile(*automaton, rules.services_need_grants);
}

Result<std::shared_ptr<const CompiledPolicy>> CompiledPolicy::compile(
    const PolicyAutomaton& automaton, bool services_need_grants) {
  auto tables = std::make_unique<Tables>(automaton.parts().subjects);
  tables->services_need_grants = services_need_grants;
  if (auto frozen = Freezer(automaton.parts(), *tables).freeze(); !frozen) return frozen.error();
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
  Verdict verdict;
  const bool below = action == Action::list || action == Action::scan;
  if (is_administration(action)) {
    tables_->for_subjects(who, [&](const AskedList& some) {
      tables_->weigh_grants(tables_->administration, as_asked, some, verdict);
    });
  } else if (!path.is_root()) {
    tables_->for_subjects(
        who, [&](const AskedList& some) { tables_->ask(path.text(), below, some, verdict); });
  } else if (below) {
    // Vault asks for a list of the root as "", which has no '/' to add to.
    tables_->for_subjects(who, [&](const AskedList& some) {
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
  Verdict verdict;
  tables_->for_subjects(
      who, [&](const AskedList& some) { tables_->ask_vault(request, below, some, verdict); });
  return verdict.on(action);
}

std::size_t CompiledPolicy::num_states() const noexcept {
  return tables_->states.size();
}

std::size_t CompiledPolicy::longest_probe() const noexcept {
  return tables_->longest_probe;
}

std::size_t CompiledPolicy::memory_bytes() const noexcept {
  const Tables& of = *tables_;
  std::size_t bytes = sizeof of + bytes_of(of.edges) + bytes_of(of.states) + bytes_of(of.matches) +
                      bytes_of(of.patterns) + bytes_of(of.grants) + bytes_of(of.prefixes) +
                      bytes_of(of.prefix_lengths) + bytes_of(of.prefix_matches) +
                      bytes_of(of.long_labels) + bytes_of(of.subjects.all());
  for (const Subject& subject : of.subjects.all()) bytes += subject.name.capacity();
  return bytes;
}

}  // namespace strongroom
