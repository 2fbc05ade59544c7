// policy_trie.ipp: from rules to the trie of their patterns; see policy_trie.hpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/policy/policy_hash.hpp"
#include "strongroom/impl/policy/policy_trie.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom::policy_trie {

constexpr std::size_t kMaxNodes = std::size_t{1} << 20;

// GrantOf is a grant with the pattern that it is on.
struct GrantOf {
  std::uint32_t pattern = 0;
  Grant grant;
};

class TrieBuilder {
 public:
  TrieBuilder(const PolicyRules& rules, Trie& trie) : rules_(rules), trie_(trie) {
    trie_.nodes.emplace_back();
  }

  Result<void> build() {
    STRONGROOM_TRY(count());
    for (std::uint32_t i = 0; i < rules_.rules.size(); ++i) {
      STRONGROOM_TRY(add_rule(i));
    }
    settle_grants();
    settle_administration();
    STRONGROOM_TRY(settle_prefixes());
    if (trie_.mode == PolicyMode::vault_compat) rank_patterns();
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
      subjects_of_rule_.push_back(trie_.subjects.number(subject));
    }
    if (rule.paths.empty()) give_administration(number);
    for (std::uint32_t path = 0; path < rule.paths.size(); ++path) {
      STRONGROOM_TRY(add_path(number, path));
    }
    return {};
  }

  void give_administration(std::uint32_t number) {
    const PolicyRule& rule = rules_.rules[number];
    for (const std::uint32_t subject : subjects_of_rule_) {
      trie_.administration.push_back({subject, number, 0, rule.allow, rule.deny});
    }
  }

  Result<void> add_path(std::uint32_t number, std::uint32_t path) {
    const PolicyRule& rule = rules_.rules[number];
    const PathPattern& written = rule.paths[path];
    if (auto checked = check_pattern(trie_.mode, written.text); !checked) {
      return at(written.place, checked.error().code,
                checked.error().message + ", " + shown(written.text));
    }
    const std::uint32_t pattern = trie_.mode == PolicyMode::deny_overrides
                                      ? own_pattern(written.text)
                                      : vault_pattern(written.text);
    if (trie_.nodes.size() > kMaxNodes) {
      return at(written.place, Code::too_large,
                "a policy's patterns had too many segments at " + shown(written.text));
    }
    if (too_many_placements_) {
      return at(
          written.place, Code::too_large,
          "a policy had wildcards in more than 64 different placements at " + shown(written.text));
    }
    const ActionSet allow = effective(trie_.mode, rule.allow);
    const ActionSet deny = effective(trie_.mode, rule.deny);
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

  // A '+' is a wildcard only where it is a whole segment, a '*' only at the end.
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
    const std::uint32_t label = trie_.labels.number(bytes, trie_.texts);
    const std::uint64_t hash = policy_hash::hash_pair(trie_.seed, node, label);
    const std::uint32_t known = prefix_index_.find(
        hash, [&](std::uint32_t i) { return prefix_keys_[i] == std::pair(node, label); });
    if (known != kNone) return prefix_patterns_[known];
    const std::uint32_t pattern = fresh_pattern(text);
    prefix_index_.add(hash, static_cast<std::uint32_t>(prefix_keys_.size()));
    prefix_keys_.emplace_back(node, label);
    prefix_patterns_.push_back(pattern);
    std::uint32_t& list = trie_.nodes[node].prefixes;
    if (list == kNone) {
      list = static_cast<std::uint32_t>(trie_.prefixes.size());
      trie_.prefixes.emplace_back();
    }
    trie_.prefixes[list].push_back({label, pattern});
    return pattern;
  }

  std::uint32_t known_or_fresh(std::uint32_t Node::*which, std::uint32_t node,
                               std::string_view text) {
    if (trie_.nodes[node].*which == kNone) trie_.nodes[node].*which = fresh_pattern(text);
    return trie_.nodes[node].*which;
  }

  std::uint32_t fresh_pattern(std::string_view text) {
    Pattern pattern;
    pattern.text = trie_.texts.keep(text);
    pattern.exact = !has_wildcard(text);
    trie_.patterns.push_back(pattern);
    return static_cast<std::uint32_t>(trie_.patterns.size() - 1);
  }

  // has_segment_wildcards is Vault's notion: "a/+b" has one, though that '+' is text.
  static bool has_segment_wildcards(std::string_view text) noexcept {
    return text == "+" || text.starts_with("+/") || text.find("/+") != std::string_view::npos;
  }
  bool has_wildcard(std::string_view text) const noexcept {
    if (trie_.mode == PolicyMode::vault_compat) {
      return text.ends_with('*') || has_segment_wildcards(text);
    }
    return text.find('*') != std::string_view::npos;  // it is a segment, or half of one
  }

  std::uint32_t below_any(std::uint32_t node) {
    if (trie_.nodes[node].any == kNone) {
      const std::uint32_t fresh = fresh_node(node, true);
      trie_.nodes[node].any = fresh;
    }
    return trie_.nodes[node].any;
  }

  std::uint32_t below(std::uint32_t node, std::string_view segment) {
    const std::uint32_t label = trie_.labels.number(segment, trie_.texts);
    if (const std::uint32_t known = trie_.child(node, label); known != kNone) return known;
    const std::uint32_t fresh = fresh_node(node, false);
    Node& parent = trie_.nodes[node];
    const auto child = static_cast<std::uint32_t>(trie_.children.size());
    trie_.children.push_back({node, label, fresh, parent.child});
    trie_.child_index.add(policy_hash::hash_pair(trie_.seed, node, label), child);
    parent.child = child;
    return fresh;
  }

  std::uint32_t fresh_node(std::uint32_t parent, bool wildcard) {
    Node fresh;
    fresh.parent = parent;
    fresh.num_wildcards = trie_.nodes[parent].num_wildcards + (wildcard ? 1 : 0);
    fresh.placement = placement(trie_.nodes[parent].placement, wildcard);
    trie_.nodes.push_back(fresh);
    return static_cast<std::uint32_t>(trie_.nodes.size() - 1);
  }

  // A placement says which of a number of segments are wildcards. For each placement a path is at no more
  // than one node, so the placements of a depth bound the places where a walk can be at once.
  struct Placement {
    std::uint32_t depth = 0;
    std::uint32_t below[2] = {kNone, kNone};
  };

  std::uint32_t placement(std::uint32_t above, bool wildcard) {
    std::uint32_t known = placements_[above].below[wildcard ? 1 : 0];
    if (known != kNone) return known;
    known = static_cast<std::uint32_t>(placements_.size());
    placements_[above].below[wildcard ? 1 : 0] = known;
    const std::uint32_t depth = placements_[above].depth + 1;
    placements_.push_back({depth, {kNone, kNone}});
    if (num_at_depth_.size() <= depth) num_at_depth_.resize(depth + 1);
    if (++num_at_depth_[depth] > kMaxPlacements) too_many_placements_ = true;
    return known;
  }

  // settle_grants sorts grants by pattern, with a counting sort, and each pattern's grants by subject.
  void settle_grants() {
    std::vector<std::uint32_t> first(trie_.patterns.size() + 1);
    for (const GrantOf& of : grants_) ++first[of.pattern + 1];
    for (std::size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
    std::vector<std::uint32_t> next(first.begin(), first.end() - 1);
    trie_.grants.resize(grants_.size());
    for (const GrantOf& of : grants_) trie_.grants[next[of.pattern]++] = of.grant;
    for (std::size_t i = 0; i < trie_.patterns.size(); ++i) {
      const auto of = std::span(trie_.grants).subspan(first[i], first[i + 1] - first[i]);
      if (of.size() > 1) sort_by_subject(of);
      trie_.patterns[i].grants = of;
    }
    grants_ = {};
  }

  void settle_administration() { sort_by_subject(trie_.administration); }

  static void sort_by_subject(std::span<Grant> grants) {
    std::sort(grants.begin(), grants.end(), [](const Grant& a, const Grant& b) {
      return std::tie(a.subject, a.rule, a.path) < std::tie(b.subject, b.rule, b.path);
    });
  }

  Result<void> settle_prefixes() {
    for (auto& list : trie_.prefixes) {
      std::sort(list.begin(), list.end(), [&](const Prefix& a, const Prefix& b) {
        return trie_.labels[a.label] < trie_.labels[b.label];
      });
      std::vector<std::string_view> chain;  // each text begins the next one
      for (const Prefix& prefix : list) {
        const std::string_view text = trie_.labels[prefix.label];
        while (!chain.empty() && !text.starts_with(chain.back())) chain.pop_back();
        chain.push_back(text);
        if (chain.size() <= kMaxPrefixes) continue;
        return Error{Code::too_large,
                     "a policy had more than 64 patterns that begin each other at " +
                         shown(trie_.patterns[prefix.pattern].text)};
      }
    }
    return {};
  }

  // Standing is what Vault compares of patterns that are not exact; the greater one decides.
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
    for (std::uint32_t i = 0; i < trie_.patterns.size(); ++i) {
      if (trie_.patterns[i].exact) continue;
      order.push_back(standing(trie_.patterns[i].text));
      order.back().pattern = i;
    }
    std::sort(order.begin(), order.end());
    for (std::uint32_t i = 0; i < order.size(); ++i) trie_.patterns[order[i].pattern].rank = i;
  }

  const PolicyRules& rules_;
  Trie& trie_;
  std::vector<std::uint32_t> subjects_of_rule_;
  std::vector<GrantOf> grants_;
  policy_hash::Index prefix_index_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> prefix_keys_;  // node, label
  std::vector<std::uint32_t> prefix_patterns_;
  std::vector<Placement> placements_{1};
  std::vector<std::size_t> num_at_depth_;
  bool too_many_placements_ = false;
};

std::string shown(std::string_view text) {
  constexpr std::size_t kLongest = 100;
  if (text.size() <= kLongest) return "'" + std::string(text) + "'";
  return "'" + std::string(text.substr(0, kLongest)) + "...'";
}

Result<Trie> build(const PolicyRules& rules) {
  STRONGROOM_ASSIGN(seed, policy_hash::Seed::random());
  Trie trie(rules.mode, seed);
  STRONGROOM_TRY(TrieBuilder(rules, trie).build());
  return trie;
}

}  // namespace strongroom::policy_trie
