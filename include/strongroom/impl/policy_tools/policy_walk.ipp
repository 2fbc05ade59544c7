// policy_walk.ipp: see policy_walk.hpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/policy_tools/policy_automaton.hpp"
#include "strongroom/impl/policy_tools/policy_walk.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom::policy_walk {
constexpr std::uint64_t kStage = std::uint64_t{1} << 32;  // of Vault's: d 0, c 1, b 2, a 3

static Error too_large() {
  return {Code::too_large, "the policy has too many cases to look at each; use fewer '*' or '+'"};
}

// utf8 writes a code point.
static std::string utf8(std::uint32_t point) {
  const auto byte = [](std::uint32_t bits) { return static_cast<char>(bits); };
  const auto tail = [&](unsigned shift) { return byte(0x80 | ((point >> shift) & 0x3F)); };
  if (point < 0x80) return {byte(point)};
  if (point < 0x800) return {byte(0xC0 | (point >> 6)), tail(0)};
  if (point < 0x10000) return {byte(0xE0 | (point >> 12)), tail(6), tail(0)};
  return {byte(0xF0 | (point >> 18)), tail(12), tail(6), tail(0)};
}

// kFirst are the first characters to try in a made-up segment; after them comes the rest of Unicode.
constexpr std::string_view kFirst =
    "xyzabcdefghijklmnopqrstuvw0123456789XYZABCDEFGHIJKLMNOPQRSTUVW_-.~!$&'()+,:;=@\"#%*<>?[]^`{|}"
    "\\ ";

static std::uint32_t nth_point(std::uint32_t n) noexcept {
  if (n < kFirst.size()) return static_cast<unsigned char>(kFirst[n]);
  const std::uint32_t point = 0xA0 + (n - static_cast<std::uint32_t>(kFirst.size()));
  return point < 0xD800 ? point : point + 0x800;  // past the surrogates
}

static bool canonical(std::string_view segment) {
  return !segment.empty() && Path::parse(segment).ok();
}

static bool has(const std::vector<std::string_view>& sorted, std::string_view text) {
  return std::binary_search(sorted.begin(), sorted.end(), text);
}

// unite sorts, and drops duplicates.
static void unite(std::vector<std::string_view>& texts) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
}

// add_all appends patterns with the strength that they have at this place.
template <typename Patterns, typename Strength>
void add_all(Meeting& meeting, const Patterns& patterns, Strength strength) {
  for (const std::uint32_t pattern : patterns) meeting.push_back({strength(pattern), pattern});
}

// settle puts the strongest first, and keeps each pattern once.
static void settle(Meeting& meeting) {
  std::sort(meeting.begin(), meeting.end(), [](const Met& a, const Met& b) {
    return a.pattern != b.pattern ? a.pattern < b.pattern : a.strength > b.strength;
  });
  const auto same = [](const Met& a, const Met& b) { return a.pattern == b.pattern; };
  meeting.erase(std::unique(meeting.begin(), meeting.end(), same), meeting.end());
  std::stable_sort(meeting.begin(), meeting.end(),
                   [](const Met& a, const Met& b) { return a.strength > b.strength; });
}

std::optional<std::string> fresh(std::string_view prefix,
                                 const std::vector<std::string_view>& labels,
                                 const std::vector<std::string_view>& prefixes) {
  const bool dots = prefix == "." || prefix == "..";
  if (canonical(prefix) && !has(labels, prefix)) return std::string(prefix);
  if (!prefix.empty() && !dots && !canonical(prefix)) return {};  // nor is what begins with it
  // Each text here is taken already, so there are no more of them than labels. Each code point that does
  // not serve is taken by a label or a prefix of its own.
  std::deque<std::string> taken = {std::string(prefix)};
  for (; !taken.empty(); taken.pop_front()) {
    for (std::uint32_t n = 0;; ++n) {
      const std::uint32_t point = nth_point(n);
      if (point > 0x10FFFF) break;
      std::string segment = taken.front() + utf8(point);
      if (segment.size() > kMaxSegmentLen) break;  // so is every one after it
      if (has(prefixes, segment)) continue;
      const bool more_dots = segment == "." || segment == "..";
      if (!more_dots && !canonical(segment)) continue;
      if (!more_dots && !has(labels, segment)) return segment;
      taken.push_back(std::move(segment));
    }
  }
  return {};
}

std::size_t Walk::Hash::operator()(const Where& where) const noexcept {
  std::uint64_t hash = 0;
  for (const std::uint64_t part :
       {where.state[0], where.state[1], where.passed[0], where.passed[1]}) {
    hash = (hash ^ part) * 0x9E3779B97F4A7C15U;
    hash ^= hash >> 32;
  }
  return static_cast<std::size_t>(hash);
}

Walk::Walk(const PolicyAutomaton& first, const PolicyAutomaton* second)
    : automata_{&first, second} {}

Result<void> Walk::run(const std::function<Result<void>(const Stop&)>& visit) {
  Node root;
  const Set none = number_of({});
  for (std::size_t i = 0; i < num_automata(); ++i) {
    root.where.state[i] = automata_[i]->start();
    root.where.passed[i] = none;
  }
  known_.emplace(root.where, 0);
  nodes_.push_back(std::move(root));
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Stop stop;
    stop.number = i;
    for (std::size_t a = 0; a < num_automata(); ++a) stop.met[a] = met(a, nodes_[i]);
    STRONGROOM_TRY(visit(stop));
    if (nodes_[i].depth == kMaxSegments) continue;
    STRONGROOM_TRY(leave(i));
  }
  return {};
}

Result<void> Walk::each_situation(const std::function<Result<void>(Situation)>& visit,
                                  const Skip& skip) {
  std::unordered_set<std::u32string> known;
  const auto visit_once = [&](const Meeting& one, const Meeting& other, ActionSet actions,
                              std::size_t stop) -> Result<void> {
    if (skip && skip(one, other)) return {};
    std::u32string key = {static_cast<char32_t>(actions.bits()), static_cast<char32_t>(one.size())};
    key.reserve(key.size() + one.size() + other.size());
    for (const Met& met : one) key += static_cast<char32_t>(met.pattern);
    for (const Met& met : other) key += static_cast<char32_t>(met.pattern);
    if (!known.insert(std::move(key)).second) return {};
    return visit({{one, other}, actions, stop});
  };
  const ActionSet names = ActionSet(Action::list) | Action::scan;
  return run([&](const Stop& stop) -> Result<void> {
    const auto& [one, other] = stop.met;
    STRONGROOM_TRY(visit_once(one.names, other.names, names, stop.number));
    if (stop.number == 0) return {};  // no secret is there
    return visit_once(one.path, other.path, ActionSet::on_paths().without(names), stop.number);
  });
}

std::string Walk::path_to(std::size_t stop) const {
  std::vector<std::size_t> way;
  for (; stop != 0; stop = nodes_[stop].from) way.push_back(stop);
  std::string path;
  for (auto i = way.rbegin(); i != way.rend(); ++i) {
    if (!path.empty()) path += '/';
    path += nodes_[*i].segment;
  }
  return path;
}

// leave takes one segment of every kind that the automata distinguish, the shortest first.
Result<void> Walk::leave(std::size_t number) {
  std::vector<std::string_view> labels;
  std::vector<std::string_view> prefixes;
  const Where where = nodes_[number].where;
  for (std::size_t i = 0; i < num_automata(); ++i) {
    const auto more = automata_[i]->labels(where.state[i]);
    labels.insert(labels.end(), more.begin(), more.end());
    const auto begins = automata_[i]->prefixes(where.state[i]);
    prefixes.insert(prefixes.end(), begins.begin(), begins.end());
  }
  unite(labels);
  unite(prefixes);
  if (const auto other = fresh("", labels, prefixes)) {
    STRONGROOM_TRY(take(number, *other));
  }
  for (const std::string_view prefix : prefixes) {
    if (prefix.empty()) continue;
    if (const auto like = fresh(prefix, labels, prefixes)) {
      STRONGROOM_TRY(take(number, *like));
    }
  }
  std::stable_sort(labels.begin(), labels.end(),
                   [](auto a, auto b) { return a.size() < b.size(); });
  for (const std::string_view label : labels) {
    if (!canonical(label)) continue;
    STRONGROOM_TRY(take(number, label));
  }
  return {};
}

Result<void> Walk::take(std::size_t number, std::string_view segment) {
  if (steps_left_-- == 0) return too_large();
  const std::size_t len = nodes_[number].len + segment.size() + (number == 0 ? 0 : 1);
  if (len > kMaxPathLen) return {};
  Where where = nodes_[number].where;
  for (std::size_t i = 0; i < num_automata(); ++i) {
    std::vector<std::uint32_t> passed = *set_of_[where.passed[i]];
    const std::size_t before = passed.size();
    automata_[i]->collect(where.state[i], segment, passed);
    if (passed.size() != before) where.passed[i] = number_of(std::move(passed));
    where.state[i] = automata_[i]->step(where.state[i], segment);
  }
  if (!known_.emplace(where, nodes_.size()).second) return {};
  if (nodes_.size() == kMaxStops) return too_large();
  nodes_.push_back({where, number, std::string(segment), nodes_[number].depth + 1, len});
  return {};
}

Walk::Set Walk::number_of(std::vector<std::uint32_t> patterns) {
  std::sort(patterns.begin(), patterns.end());
  patterns.erase(std::unique(patterns.begin(), patterns.end()), patterns.end());
  const auto [found, made] = sets_.emplace(std::move(patterns), static_cast<Set>(set_of_.size()));
  if (made) set_of_.push_back(&found->first);
  return found->second;
}

Meetings Walk::met(std::size_t automaton, const Node& node) const {
  const PolicyAutomaton& of = *automata_[automaton];
  const State state = node.where.state[automaton];
  const auto& passed = *set_of_[node.where.passed[automaton]];
  Meetings met;
  if (of.mode() == PolicyMode::deny_overrides) {
    const auto alike = [](std::uint32_t) { return std::uint64_t{0}; };
    add_all(met.path, passed, alike);
    add_all(met.path, of.ends(state), alike);
    met.names = met.path;
    add_all(met.names, of.tails(state), alike);
  } else {
    const auto strength = [&](std::uint64_t exact, std::uint64_t other) {
      return [&of, exact, other](std::uint32_t pattern) {
        const PolicyAutomaton::Pattern& is = of.pattern(pattern);
        return is.exact ? exact * kStage : other * kStage + is.rank;
      };
    };
    // Names below p are looked up as "p/": one more segment, an empty one.
    std::vector<std::uint32_t> below = passed;
    of.collect(state, "", below);
    add_all(met.path, passed, strength(3, 1));
    add_all(met.path, of.ends(state), strength(3, 1));
    add_all(met.names, below, strength(3, 1));
    add_all(met.names, of.ends(of.step(state, "")), strength(3, 1));
    if (node.depth > 0) add_all(met.names, of.ends(state), strength(2, 1));
  }
  settle(met.path);
  settle(met.names);
  return met;
}

}  // namespace strongroom::policy_walk
