// policy_automaton.ipp: from patterns to a deterministic automaton; see policy/automaton.hpp.
//
// 1. The patterns make a trie, whose nodes have a child per label and one for a wildcard.
// 2. A state is a set of nodes: those that a path can be at. Sets are interned, level by level.
// 3. A state does not list the edges of all its nodes: otherwise "a/b" of one team and "*/c" of all
//    teams would multiply. It lists the edges of its most specific node without a wildcard below. For
//    all other labels it defers to the state without that node, which many states share.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/policy/policy_hash.hpp"
#include "strongroom/impl/policy/policy_trie.hpp"
#include "strongroom/impl/policy_tools/policy_automaton.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom {
namespace policy_trie {

struct Edge {
  std::uint32_t label = 0;
  std::uint32_t target = 0;
};

// StateRow is a state. Its edges are those of the state `edges_of`, which is often itself. For a label
// without an edge, `miss` is the state to look in next or, with miss_steps, where the segment leads.
struct StateRow {
  Slice nodes;
  Slice edges;  // by label
  Slice ends;
  Slice tails;
  Slice prefixes;  // of Parts::state_prefixes
  std::uint32_t edges_of = 0;
  std::uint32_t miss = 0;
  bool miss_steps = true;
};

}  // namespace policy_trie

struct PolicyAutomaton::Parts : policy_trie::Trie {
  explicit Parts(Trie trie) : Trie(std::move(trie)) {}

  std::vector<policy_trie::StateRow> states;  // 0 is the dead one
  std::vector<std::uint32_t> set_nodes;
  std::vector<policy_trie::Edge> edges;
  std::vector<std::uint32_t> matches;         // ends and tails
  std::vector<std::uint32_t> state_prefixes;  // numbers into prefixes
  State start = 0;
};

namespace detail::policy_automaton {

using namespace policy_trie;
using State = PolicyAutomaton::State;
using Parts = PolicyAutomaton::Parts;

// Limits of all sets of nodes together: their size, and the work.
constexpr std::size_t kMaxSetNodes = std::size_t{1} << 23;
constexpr std::size_t kMaxAutomatonWork = std::size_t{1} << 26;

// ---- trie -> states ----

class StateBuilder {
 public:
  explicit StateBuilder(Parts& parts) : parts_(parts) {}

  Result<void> build() {
    of_node_.assign(parts_.nodes.size(), kNone);
    parts_.states.emplace_back();  // the dead one: it has no nodes, and its miss is itself
    set_ = {0};
    parts_.start = intern(set_);
    level_ = {parts_.start};
    while (!level_.empty()) {
      below_.clear();
      for (std::size_t i = 0; i < level_.size(); ++i) {  // grows by states deferred to
        expand(level_[i]);
        if (over()) return too_large(level_[i]);
      }
      for (const State state : level_) settle(state);
      level_.swap(below_);
    }
    return {};
  }

 private:
  bool over() const noexcept {
    return parts_.states.size() > kMaxPolicyStates || parts_.edges.size() > kMaxPolicyEdges ||
           parts_.set_nodes.size() > kMaxSetNodes || work_ > kMaxAutomatonWork;
  }

  Error too_large(State state) const {
    return {Code::too_large,
            "a policy had wildcards in too many different places, at " + example(state)};
  }

  // example returns a pattern that goes through a state.
  std::string example(State state) const {
    std::uint32_t node = part(parts_.set_nodes, parts_.states[state].nodes).back();
    for (;;) {
      const Node& at = parts_.nodes[node];
      if (at.end != kNone) return shown(parts_.patterns[at.end].text);
      if (at.tail != kNone) return shown(parts_.patterns[at.tail].text);
      if (at.prefixes != kNone) {
        return shown(parts_.patterns[parts_.prefixes[at.prefixes].front().pattern].text);
      }
      if (at.any == kNone && at.child == kNone) return "the root";
      node = at.any != kNone ? at.any : parts_.children[at.child].node;
    }
  }

  // intern returns the state of a set of nodes in their order.
  State intern(const std::vector<std::uint32_t>& set) {
    if (set.empty()) return 0;
    if (set.size() == 1) {
      State& known = of_node_[set.front()];
      if (known == kNone) known = fresh_state(set);
      return known;
    }
    std::uint64_t hash = parts_.seed.words[2];
    for (const std::uint32_t node : set) hash = policy_hash::mix(hash ^ node, parts_.seed.words[3]);
    const State known = sets_.find(hash, [&](State state) {
      const auto nodes = part(parts_.set_nodes, parts_.states[state].nodes);
      return std::equal(nodes.begin(), nodes.end(), set.begin(), set.end());
    });
    if (known != kNone) return known;
    const State fresh = fresh_state(set);
    sets_.add(hash, fresh);
    return fresh;
  }

  State fresh_state(const std::vector<std::uint32_t>& set) {
    const auto fresh = static_cast<State>(parts_.states.size());
    StateRow row;
    row.nodes = append(parts_.set_nodes, set);
    row.ends.first = static_cast<std::uint32_t>(parts_.matches.size());
    for (const std::uint32_t node : set) {
      if (parts_.nodes[node].end != kNone) parts_.matches.push_back(parts_.nodes[node].end);
    }
    row.tails.first = static_cast<std::uint32_t>(parts_.matches.size());
    row.ends.size = row.tails.first - row.ends.first;
    for (const std::uint32_t node : set) {
      if (parts_.nodes[node].tail != kNone) parts_.matches.push_back(parts_.nodes[node].tail);
    }
    row.tails.size = static_cast<std::uint32_t>(parts_.matches.size()) - row.tails.first;
    row.prefixes.first = static_cast<std::uint32_t>(parts_.state_prefixes.size());
    for (const std::uint32_t node : set) {
      if (parts_.nodes[node].prefixes == kNone) continue;
      parts_.state_prefixes.push_back(parts_.nodes[node].prefixes);
      ++row.prefixes.size;
    }
    parts_.states.push_back(row);
    below_.push_back(fresh);
    return fresh;
  }

  static Slice append(std::vector<std::uint32_t>& all, const std::vector<std::uint32_t>& few) {
    const Slice slice{static_cast<std::uint32_t>(all.size()),
                      static_cast<std::uint32_t>(few.size())};
    all.insert(all.end(), few.begin(), few.end());
    return slice;
  }

  // intern_here is intern for a state of this level, not of the next.
  State intern_here(const std::vector<std::uint32_t>& set) {
    const std::size_t num_states = parts_.states.size();
    const State state = intern(set);
    if (parts_.states.size() != num_states) {
      below_.pop_back();
      level_.push_back(state);
    }
    return state;
  }

  // expand gives a state its edges, or those of another one.
  void expand(State state) {
    const auto all = part(parts_.set_nodes, parts_.states[state].nodes);
    inner_.clear();
    for (const std::uint32_t node : all) {
      if (parts_.nodes[node].any != kNone || parts_.nodes[node].child != kNone) {
        inner_.push_back(node);
      }
    }
    work_ += all.size();
    const std::vector<std::uint32_t>& inner = inner_;
    if (inner.size() != all.size()) {
      const State same = intern_here(inner);
      parts_.states[state].edges_of = same;
      return;  // its miss comes from there too: see settle
    }
    parts_.states[state].edges_of = state;
    const auto specific = std::find_if(inner.begin(), inner.end(), [&](std::uint32_t node) {
      return parts_.nodes[node].any == kNone;
    });
    if (specific == inner.end() || inner.size() == 1) {
      list_all(state, inner);
    } else {
      list_one(state, inner, *specific);
    }
  }

  // list_one lists the labels of one node, and defers to the other nodes for the rest.
  void list_one(State state, const std::vector<std::uint32_t>& inner, std::uint32_t specific) {
    labels_.clear();
    add_labels(specific);
    list_labels(state, inner);
    set_.clear();
    for (const std::uint32_t node : inner) {
      if (node != specific) set_.push_back(node);
    }
    const State others = intern_here(set_);
    parts_.states[state].miss = others;
    parts_.states[state].miss_steps = false;
  }

  void list_all(State state, const std::vector<std::uint32_t>& inner) {
    labels_.clear();
    for (const std::uint32_t node : inner) add_labels(node);
    list_labels(state, inner);
    set_.clear();
    for (const std::uint32_t node : inner) {
      if (parts_.nodes[node].any != kNone) set_.push_back(parts_.nodes[node].any);
    }
    const State rest = intern_ordered();
    parts_.states[state].miss = rest;
    parts_.states[state].miss_steps = true;
  }

  void add_labels(std::uint32_t node) {
    for (std::uint32_t i = parts_.nodes[node].child; i != kNone; i = parts_.children[i].next) {
      labels_.push_back(parts_.children[i].label);
    }
  }

  void list_labels(State state, const std::vector<std::uint32_t>& inner) {
    std::sort(labels_.begin(), labels_.end());
    labels_.erase(std::unique(labels_.begin(), labels_.end()), labels_.end());
    const auto first = static_cast<std::uint32_t>(parts_.edges.size());
    for (const std::uint32_t label : labels_) {
      set_.clear();
      for (const std::uint32_t node : inner) {
        const std::uint32_t child = parts_.child(node, label);
        if (child != kNone) set_.push_back(child);
        if (parts_.nodes[node].any != kNone) set_.push_back(parts_.nodes[node].any);
      }
      const State target = intern_ordered();
      parts_.edges.push_back({label, target});
      work_ += inner.size();
      if (over()) break;
    }
    parts_.states[state].edges = {first, static_cast<std::uint32_t>(parts_.edges.size()) - first};
  }

  // The most specific node comes first, so that states defer to general states, which are shared.
  State intern_ordered() {
    if (set_.size() > 1) {
      std::sort(set_.begin(), set_.end(), [&](std::uint32_t a, std::uint32_t b) {
        const std::uint32_t left = parts_.nodes[a].num_wildcards;
        const std::uint32_t right = parts_.nodes[b].num_wildcards;
        return left != right ? left < right : a < b;
      });
    }
    return intern(set_);
  }

  // settle copies miss to a state from the state whose edges it has.
  void settle(State state) {
    StateRow& row = parts_.states[state];
    const StateRow& other = parts_.states[row.edges_of];
    row.miss = other.miss;
    row.miss_steps = other.miss_steps;
  }

  Parts& parts_;
  std::vector<State> of_node_;
  policy_hash::Index sets_;
  std::vector<State> level_;
  std::vector<State> below_;
  std::vector<std::uint32_t> set_;
  std::vector<std::uint32_t> inner_;
  std::vector<std::uint32_t> labels_;
  std::size_t work_ = 0;
};

}  // namespace detail::policy_automaton

Result<PolicyAutomaton> PolicyAutomaton::build(const PolicyRules& rules) {
  STRONGROOM_ASSIGN(trie, policy_trie::build(rules));
  auto parts = std::make_unique<Parts>(std::move(trie));
  STRONGROOM_TRY(detail::policy_automaton::StateBuilder(*parts).build());
  return PolicyAutomaton(std::move(parts));
}

// ---- walking ----

PolicyAutomaton::PolicyAutomaton(std::unique_ptr<Parts> parts) noexcept
    : parts_(std::move(parts)) {}
PolicyAutomaton::PolicyAutomaton(PolicyAutomaton&&) noexcept = default;
PolicyAutomaton& PolicyAutomaton::operator=(PolicyAutomaton&&) noexcept = default;
PolicyAutomaton::~PolicyAutomaton() = default;

PolicyMode PolicyAutomaton::mode() const noexcept {
  return parts_->mode;
}
PolicyAutomaton::State PolicyAutomaton::start() const noexcept {
  return parts_->start;
}
std::size_t PolicyAutomaton::num_states() const noexcept {
  return parts_->states.size();
}
std::size_t PolicyAutomaton::num_edges() const noexcept {
  return parts_->edges.size();
}
bool PolicyAutomaton::dead(State state) const noexcept {
  return state == 0;
}

PolicyAutomaton::State PolicyAutomaton::step(State state, std::string_view segment) const noexcept {
  const std::uint32_t label = parts_->labels.find(segment);
  if (label == policy_trie::kNone) return otherwise(state);
  for (State at = parts_->states[state].edges_of;;) {
    const policy_trie::StateRow& row = parts_->states[at];
    const auto edges = part(parts_->edges, row.edges);
    const auto edge = std::lower_bound(
        edges.begin(), edges.end(), label,
        [](const policy_trie::Edge& one, std::uint32_t wanted) { return one.label < wanted; });
    if (edge != edges.end() && edge->label == label) return edge->target;
    if (row.miss_steps) return row.miss;
    at = row.miss;
  }
}

PolicyAutomaton::State PolicyAutomaton::otherwise(State state) const noexcept {
  State at = parts_->states[state].edges_of;
  while (!parts_->states[at].miss_steps) at = parts_->states[at].miss;
  return parts_->states[at].miss;
}

std::vector<std::string_view> PolicyAutomaton::labels(State state) const {
  std::vector<std::uint32_t> numbers;
  for (State at = parts_->states[state].edges_of;;) {
    const policy_trie::StateRow& row = parts_->states[at];
    for (const policy_trie::Edge& edge : part(parts_->edges, row.edges))
      numbers.push_back(edge.label);
    if (row.miss_steps) break;
    at = row.miss;
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  std::vector<std::string_view> texts;
  texts.reserve(numbers.size());
  for (const std::uint32_t number : numbers) texts.push_back(parts_->labels[number]);
  return texts;
}

std::vector<std::string_view> PolicyAutomaton::prefixes(State state) const {
  std::vector<std::string_view> texts;
  for (const std::uint32_t list : part(parts_->state_prefixes, parts_->states[state].prefixes)) {
    for (const policy_trie::Prefix& prefix : parts_->prefixes[list]) {
      texts.push_back(parts_->labels[prefix.label]);
    }
  }
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return texts;
}

std::span<const std::uint32_t> PolicyAutomaton::ends(State state) const noexcept {
  return part(parts_->matches, parts_->states[state].ends);
}
std::span<const std::uint32_t> PolicyAutomaton::tails(State state) const noexcept {
  return part(parts_->matches, parts_->states[state].tails);
}

void PolicyAutomaton::collect(State state, std::string_view segment,
                              std::vector<std::uint32_t>& passed) const {
  const auto always = tails(state);
  passed.insert(passed.end(), always.begin(), always.end());
  for (const std::uint32_t list : part(parts_->state_prefixes, parts_->states[state].prefixes)) {
    for (const policy_trie::Prefix& prefix : parts_->prefixes[list]) {
      if (segment.starts_with(parts_->labels[prefix.label])) passed.push_back(prefix.pattern);
    }
  }
}

std::size_t PolicyAutomaton::num_patterns() const noexcept {
  return parts_->patterns.size();
}
const PolicyAutomaton::Pattern& PolicyAutomaton::pattern(std::uint32_t number) const noexcept {
  return parts_->patterns[number];
}
const std::vector<Subject>& PolicyAutomaton::subjects() const noexcept {
  return parts_->subjects.all();
}
std::span<const PolicyAutomaton::Grant> PolicyAutomaton::administration() const noexcept {
  return parts_->administration;
}

}  // namespace strongroom
