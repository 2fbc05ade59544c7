// policy_automaton.cpp: from patterns to a deterministic automaton; see policy/automaton.hpp.
//
// 1. The patterns make a trie, whose nodes have a child per label and one for a wildcard.
// 2. A state is a set of nodes: those where a path may stand. Sets are interned, level by level.
// 3. A state does not list the edges of all its nodes, or "a/b" of one team and "*/c" of all teams
//    would multiply. It lists those of its most specific node without a wildcard below, and for all
//    other labels defers to the state without that node, which many states share.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "policy_parts.hpp"
#include "strongroom/policy/automaton.hpp"

namespace strongroom {
namespace {

using namespace policy_parts;
using State = PolicyAutomaton::State;
using Parts = PolicyAutomaton::Parts;
using Grant = PolicyAutomaton::Grant;

constexpr std::size_t kMaxNodes = kMaxPolicyEdges;
// What sets of nodes may hold, and cost, together.
constexpr std::size_t kMaxSetNodes = std::size_t{1} << 23;
constexpr std::size_t kMaxWork = std::size_t{1} << 26;

std::string shown(std::string_view text) {
  constexpr std::size_t kLongest = 100;
  if (text.size() <= kLongest) return "'" + std::string(text) + "'";
  return "'" + std::string(text.substr(0, kLongest)) + "...'";
}

// ---- rules -> trie ----

// GrantOf is a grant with the pattern that it is on.
struct GrantOf {
  std::uint32_t pattern = 0;
  Grant grant;
};

class TrieBuilder {
 public:
  TrieBuilder(const PolicyRules& rules, Parts& parts) : rules_(rules), parts_(parts) {
    parts_.nodes.emplace_back();
  }

  Result<void> build() {
    if (auto counted = count(); !counted) return counted;
    for (std::uint32_t i = 0; i < rules_.rules.size(); ++i) {
      if (auto added = add_rule(i); !added) return added;
    }
    settle_grants();
    settle_administration();
    settle_prefixes();
    if (parts_.mode == PolicyMode::vault_compat) rank_patterns();
    return {};
  }

 private:
  Error at(const TextPlace& place, Code code, const std::string& what) const {
    if (place.document >= rules_.documents.size()) return {code, what};
    return {code, "policy '" + rules_.documents[place.document] + "', line " +
                      std::to_string(place.line) + ", column " + std::to_string(place.column) +
                      ": " + what};
  }

  Result<void> count() const {
    std::size_t num_rules = 0;
    std::size_t num_grants = 0;
    for (const PolicyRule& rule : rules_.rules) {
      const std::size_t num_paths = std::max<std::size_t>(rule.paths.size(), 1);
      num_rules += num_paths;
      if (num_rules > kMaxPolicyRules) {
        return at(rule.place, Code::too_large, "a policy had more than 200000 rules");
      }
      if (rule.subjects.size() > kMaxPolicyGrants ||
          (num_grants += num_paths * rule.subjects.size()) > kMaxPolicyGrants) {
        return at(rule.place, Code::too_large, "a policy had more than 1000000 grants");
      }
    }
    return {};
  }

  Result<void> add_rule(std::uint32_t number) {
    const PolicyRule& rule = rules_.rules[number];
    const ActionSet actions = rule.allow | rule.deny;
    const ActionSet misplaced =
        actions & (rule.paths.empty() ? ActionSet::on_paths() : ActionSet::administration());
    if (!misplaced.empty()) {
      return at(rule.place, Code::invalid,
                rule.paths.empty() ? "a rule had actions on paths and no path"
                                   : "a rule had actions on the whole store, and paths");
    }
    subjects_of_rule_.clear();
    for (const Subject& subject : rule.subjects) {
      if (subject.name.size() > kMaxSubjectLen) {
        return at(rule.place, Code::too_large, "a subject was longer than 4096 bytes");
      }
      subjects_of_rule_.push_back(parts_.subjects.number(subject));
    }
    if (rule.paths.empty()) give_administration(number);
    for (std::uint32_t path = 0; path < rule.paths.size(); ++path) {
      if (auto added = add_path(number, path); !added) return added;
    }
    return {};
  }

  void give_administration(std::uint32_t number) {
    const PolicyRule& rule = rules_.rules[number];
    for (const std::uint32_t subject : subjects_of_rule_) {
      parts_.administration.push_back({subject, number, 0, rule.allow, rule.deny});
    }
  }

  Result<void> add_path(std::uint32_t number, std::uint32_t path) {
    const PolicyRule& rule = rules_.rules[number];
    const PathPattern& written = rule.paths[path];
    if (auto checked = check_pattern(parts_.mode, written.text); !checked) {
      return at(written.place, checked.error().code,
                checked.error().message + ", " + shown(written.text));
    }
    const std::uint32_t pattern = parts_.mode == PolicyMode::deny_overrides
                                      ? own_pattern(written.text)
                                      : vault_pattern(written.text);
    if (parts_.nodes.size() > kMaxNodes) {
      return at(written.place, Code::too_large,
                "a policy's patterns had too many segments at " + shown(written.text));
    }
    const ActionSet allow = effective(parts_.mode, rule.allow);
    const ActionSet deny = effective(parts_.mode, rule.deny);
    for (const std::uint32_t subject : subjects_of_rule_) {
      grants_.push_back({pattern, {subject, number, path, allow, deny}});
    }
    return {};
  }

  std::uint32_t own_pattern(std::string_view text) {
    std::string_view rest = text;
    std::uint32_t node = 0;
    for (;;) {
      const std::size_t slash = rest.find('/');
      const std::string_view segment = rest.substr(0, slash);
      if (segment == "**") return known_or_fresh(&Node::tail, node, text);
      node = segment == "*" ? below_any(node) : below(node, segment);
      if (slash == std::string_view::npos) return known_or_fresh(&Node::end, node, text);
      rest.remove_prefix(slash + 1);
    }
  }

  // A '+' is a wildcard wherever it is a whole segment, and nowhere else; a '*' at the end alone.
  std::uint32_t vault_pattern(std::string_view text) {
    std::string_view rest = text;
    std::uint32_t node = 0;
    for (;;) {
      const std::size_t slash = rest.find('/');
      const std::string_view segment = rest.substr(0, slash);
      if (slash == std::string_view::npos && segment.ends_with('*')) {
        return prefix_pattern(node, segment.substr(0, segment.size() - 1), text);
      }
      node = segment == "+" ? below_any(node) : below(node, segment);
      if (slash == std::string_view::npos) return known_or_fresh(&Node::end, node, text);
      rest.remove_prefix(slash + 1);
    }
  }

  std::uint32_t prefix_pattern(std::uint32_t node, std::string_view bytes, std::string_view text) {
    if (bytes.empty()) return known_or_fresh(&Node::tail, node, text);
    const std::uint32_t label = parts_.labels.number(bytes, parts_.texts);
    const std::uint64_t hash = policy_hash::hash_pair(parts_.seed, node, label);
    const std::uint32_t known = prefix_index_.find(
        hash, [&](std::uint32_t i) { return prefix_keys_[i] == std::pair(node, label); });
    if (known != kNone) return prefix_patterns_[known];
    const std::uint32_t pattern = fresh_pattern(text);
    prefix_index_.add(hash, static_cast<std::uint32_t>(prefix_keys_.size()));
    prefix_keys_.emplace_back(node, label);
    prefix_patterns_.push_back(pattern);
    std::uint32_t& list = parts_.nodes[node].prefixes;
    if (list == kNone) {
      list = static_cast<std::uint32_t>(parts_.prefixes.size());
      parts_.prefixes.emplace_back();
    }
    parts_.prefixes[list].push_back({label, pattern});
    return pattern;
  }

  std::uint32_t known_or_fresh(std::uint32_t Node::*which, std::uint32_t node,
                               std::string_view text) {
    if (parts_.nodes[node].*which == kNone) parts_.nodes[node].*which = fresh_pattern(text);
    return parts_.nodes[node].*which;
  }

  std::uint32_t fresh_pattern(std::string_view text) {
    PolicyAutomaton::Pattern pattern;
    pattern.text = parts_.texts.keep(text);
    pattern.exact = !has_wildcard(text);
    parts_.patterns.push_back(pattern);
    return static_cast<std::uint32_t>(parts_.patterns.size() - 1);
  }

  // has_segment_wildcards is Vault's notion: "a/+b" has one, though that '+' is text.
  static bool has_segment_wildcards(std::string_view text) noexcept {
    return text == "+" || text.starts_with("+/") || text.find("/+") != std::string_view::npos;
  }
  bool has_wildcard(std::string_view text) const noexcept {
    if (parts_.mode == PolicyMode::vault_compat) {
      return text.ends_with('*') || has_segment_wildcards(text);
    }
    return text.find('*') != std::string_view::npos;  // it is a segment, or half of one
  }

  std::uint32_t below_any(std::uint32_t node) {
    if (parts_.nodes[node].any == kNone) {
      const std::uint32_t fresh = fresh_node(parts_.nodes[node].num_wildcards + 1);
      parts_.nodes[node].any = fresh;
    }
    return parts_.nodes[node].any;
  }

  std::uint32_t below(std::uint32_t node, std::string_view segment) {
    const std::uint32_t label = parts_.labels.number(segment, parts_.texts);
    if (const std::uint32_t known = parts_.child(node, label); known != kNone) return known;
    const std::uint32_t fresh = fresh_node(parts_.nodes[node].num_wildcards);
    Node& parent = parts_.nodes[node];
    const auto child = static_cast<std::uint32_t>(parts_.children.size());
    parts_.children.push_back({node, label, fresh, parent.child});
    parts_.child_index.add(policy_hash::hash_pair(parts_.seed, node, label), child);
    parent.child = child;
    ++parent.num_children;
    return fresh;
  }

  std::uint32_t fresh_node(std::uint32_t num_wildcards) {
    parts_.nodes.emplace_back();
    parts_.nodes.back().num_wildcards = num_wildcards;
    return static_cast<std::uint32_t>(parts_.nodes.size() - 1);
  }

  // settle_grants sorts grants by pattern, counting, and each pattern's by subject.
  void settle_grants() {
    std::vector<std::uint32_t> first(parts_.patterns.size() + 1);
    for (const GrantOf& of : grants_) ++first[of.pattern + 1];
    for (std::size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
    std::vector<std::uint32_t> next(first.begin(), first.end() - 1);
    parts_.grants.resize(grants_.size());
    for (const GrantOf& of : grants_) parts_.grants[next[of.pattern]++] = of.grant;
    for (std::size_t i = 0; i < parts_.patterns.size(); ++i) {
      const auto of = std::span(parts_.grants).subspan(first[i], first[i + 1] - first[i]);
      if (of.size() > 1) sort_by_subject(of);
      parts_.patterns[i].grants = of;
    }
    grants_ = {};
  }

  void settle_administration() { sort_by_subject(parts_.administration); }

  static void sort_by_subject(std::span<Grant> grants) {
    std::stable_sort(grants.begin(), grants.end(),
                     [](const Grant& a, const Grant& b) { return a.subject < b.subject; });
  }

  void settle_prefixes() {
    for (auto& list : parts_.prefixes) {
      std::sort(list.begin(), list.end(), [&](const Prefix& a, const Prefix& b) {
        const std::string_view left = parts_.labels[a.label];
        const std::string_view right = parts_.labels[b.label];
        return left.size() != right.size() ? left.size() < right.size() : left < right;
      });
    }
  }

  // Standing is what Vault weighs of a pattern that is not exact; the greater one decides.
  struct Standing {
    std::size_t first_wildcard = 0;
    bool whole = false;  // does not end in '*'
    std::size_t num_labels_negated = 0;
    std::string_view text;  // without the '*'
    std::uint32_t pattern = 0;

    bool operator<(const Standing& other) const noexcept {
      if (first_wildcard != other.first_wildcard) return first_wildcard < other.first_wildcard;
      if (whole != other.whole) return other.whole;
      if (num_labels_negated != other.num_labels_negated) {
        return num_labels_negated < other.num_labels_negated;
      }
      if (text.size() != other.text.size()) return text.size() < other.text.size();
      return text < other.text;
    }
  };

  // The first '+' counts even where it is text, as in "a+b/+": Vault looks for the byte.
  static Standing standing(std::string_view text) noexcept {
    Standing of;
    const bool segment_wildcards = has_segment_wildcards(text);
    of.first_wildcard = segment_wildcards ? text.find('+') : text.size() - 1;
    of.whole = !text.ends_with('*');
    of.text = of.whole ? text : text.substr(0, text.size() - 1);
    of.num_labels_negated = SIZE_MAX;
    for (std::size_t begin = 0; segment_wildcards && begin != std::string_view::npos;) {
      const std::size_t slash = of.text.find('/', begin);
      if (of.text.substr(begin, slash - begin) == "+") --of.num_labels_negated;
      begin = slash == std::string_view::npos ? slash : slash + 1;
    }
    return of;
  }

  void rank_patterns() {
    std::vector<Standing> order;
    for (std::uint32_t i = 0; i < parts_.patterns.size(); ++i) {
      if (parts_.patterns[i].exact) continue;
      order.push_back(standing(parts_.patterns[i].text));
      order.back().pattern = i;
    }
    std::sort(order.begin(), order.end());
    for (std::uint32_t i = 0; i < order.size(); ++i) parts_.patterns[order[i].pattern].rank = i;
  }

  const PolicyRules& rules_;
  Parts& parts_;
  std::vector<std::uint32_t> subjects_of_rule_;
  std::vector<GrantOf> grants_;
  policy_hash::Index prefix_index_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> prefix_keys_;  // node, label
  std::vector<std::uint32_t> prefix_patterns_;
};

// ---- trie -> states ----

class StateBuilder {
 public:
  explicit StateBuilder(Parts& parts) : parts_(parts) {}

  Result<void> build() {
    of_node_.assign(parts_.nodes.size(), kNone);
    for (const auto& list : parts_.prefixes) longest_chains_.push_back(longest_chain(list));
    parts_.states.emplace_back();  // the dead one: no nodes, and where it misses is itself
    met_.emplace_back();
    set_ = {0};
    parts_.start = intern(set_);
    level_ = {parts_.start};
    while (!level_.empty()) {
      below_.clear();
      for (std::size_t i = 0; i < level_.size(); ++i) {  // grows by those deferred to
        expand(level_[i]);
        if (over()) return too_large(level_[i]);
      }
      if (auto few = weigh_level(); !few) return few;
      level_.swap(below_);
    }
    return {};
  }

 private:
  bool over() const noexcept {
    return parts_.states.size() > kMaxPolicyStates || parts_.edges.size() > kMaxPolicyEdges ||
           parts_.set_nodes.size() > kMaxSetNodes || work_ > kMaxWork;
  }

  Error too_large(State state) const {
    return {Code::too_large,
            "a policy had wildcards in too many unlike places, at " + example(state)};
  }

  // example is a pattern that goes through a state.
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

  // intern gives the state of a set, of nodes in their order.
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
    met_.push_back(0);
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
      return;  // where it misses comes from there as well: see settle
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

  // list_one lists the labels of one node, and defers to the others for the rest.
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

  // The most specific node first, so that what states defer to is general, and shared.
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

  // weigh_level tells how many patterns a path through the level's states may have met, at most.
  Result<void> weigh_level() {
    for (const State state : level_) settle(state);
    passed_.resize(parts_.states.size());
    for (const State state : level_) passed_[state] = 0;
    for (const State state : level_) {
      const std::size_t passed = met_[state] + most_passed(state);
      const std::size_t most = passed + parts_.states[state].ends.size;
      if (most > kMaxPatternsOfPath) {
        return Error{Code::too_large,
                     "more than 64 patterns of a policy matched one path, at " + example(state)};
      }
      for (State at = parts_.states[state].edges_of;;) {
        passed_[at] = std::max(passed_[at], static_cast<std::uint32_t>(passed));
        if (parts_.states[at].miss_steps) break;
        at = parts_.states[at].miss;
      }
    }
    for (const State state : level_) {
      if (parts_.states[state].edges_of != state) continue;
      for (const Edge& edge : part(parts_.edges, parts_.states[state].edges)) {
        met_[edge.target] = std::max(met_[edge.target], passed_[state]);
      }
    }
    for (const State state : level_) {
      const StateRow& row = parts_.states[state];
      if (row.edges_of == state && row.miss_steps) {
        met_[row.miss] = std::max(met_[row.miss], passed_[state]);
      }
    }
    return {};
  }

  // settle tells a state that has another's edges where that one misses.
  void settle(State state) {
    StateRow& row = parts_.states[state];
    const StateRow& other = parts_.states[row.edges_of];
    row.miss = other.miss;
    row.miss_steps = other.miss_steps;
  }

  std::size_t most_passed(State state) const {
    const StateRow& row = parts_.states[state];
    std::size_t most = row.tails.size;
    for (const std::uint32_t list : part(parts_.state_prefixes, row.prefixes)) {
      most += longest_chains_[list];
    }
    return most;
  }

  // longest_chain is how many prefixes of a node one segment may have.
  std::uint32_t longest_chain(const std::vector<Prefix>& prefixes) const {
    std::vector<std::string_view> texts;
    for (const Prefix& prefix : prefixes) texts.push_back(parts_.labels[prefix.label]);
    std::sort(texts.begin(), texts.end());
    std::vector<std::string_view> chain;
    std::size_t longest = 0;
    for (const std::string_view text : texts) {
      while (!chain.empty() && !text.starts_with(chain.back())) chain.pop_back();
      chain.push_back(text);
      longest = std::max(longest, chain.size());
    }
    return static_cast<std::uint32_t>(longest);
  }

  Parts& parts_;
  std::vector<State> of_node_;
  policy_hash::Index sets_;
  std::vector<State> level_;
  std::vector<State> below_;
  std::vector<std::uint32_t> met_;     // by state: patterns passed on the way to it, at most
  std::vector<std::uint32_t> passed_;  // by state: and when leaving by its edges
  std::vector<std::uint32_t> set_;
  std::vector<std::uint32_t> inner_;
  std::vector<std::uint32_t> labels_;
  std::vector<std::uint32_t> longest_chains_;
  std::size_t work_ = 0;
};

}  // namespace

Result<PolicyAutomaton> PolicyAutomaton::build(const PolicyRules& rules) {
  auto parts = std::make_unique<Parts>(rules.mode);
  if (auto built = TrieBuilder(rules, *parts).build(); !built) return std::move(built).error();
  if (auto built = StateBuilder(*parts).build(); !built) return std::move(built).error();
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
  if (label == kNone) return otherwise(state);
  for (State at = parts_->states[state].edges_of;;) {
    const StateRow& row = parts_->states[at];
    const auto edges = part(parts_->edges, row.edges);
    const auto edge =
        std::lower_bound(edges.begin(), edges.end(), label,
                         [](const Edge& one, std::uint32_t wanted) { return one.label < wanted; });
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
    const StateRow& row = parts_->states[at];
    for (const Edge& edge : part(parts_->edges, row.edges)) numbers.push_back(edge.label);
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
    for (const Prefix& prefix : parts_->prefixes[list]) {
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
    for (const Prefix& prefix : parts_->prefixes[list]) {
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
