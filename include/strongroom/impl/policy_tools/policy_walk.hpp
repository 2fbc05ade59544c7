// policy_walk.hpp: everything that paths can meet in one automaton, or in two at once.
//
// A walk goes where canonical paths go and nowhere else, one segment deeper at a time. Paths that meet
// the same patterns, so far and further on, share one stop. So a walk ends, and what it found holds for
// every path there is.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/policy_tools/policy_automaton.hpp"
#include "strongroom/result.hpp"

namespace strongroom::policy_walk {

inline constexpr std::size_t kMaxStops = std::size_t{1} << 20;
inline constexpr std::size_t kMaxSteps = std::size_t{1} << 23;

// Met is a pattern that matches a request. If several match, the strongest counts, and of equals all.
struct Met {
  std::uint64_t strength = 0;
  std::uint32_t pattern = 0;

  friend bool operator==(const Met&, const Met&) = default;
  friend auto operator<=>(const Met&, const Met&) = default;
};
using Meeting = std::vector<Met>;  // the strongest first

// Meetings are what requests on a path meet, and what requests for the names below it meet.
struct Meetings {
  Meeting path;
  Meeting names;
};

// Stop is a path and what it meets, in each automaton.
struct Stop {
  std::size_t number = 0;  // 0 is the root, where only names can be requested
  std::array<Meetings, 2> met;
};

// Situation is what a request for one of the actions meets, in each automaton.
struct Situation {
  std::array<Meeting, 2> met;
  ActionSet actions;
  std::size_t stop = 0;  // the first at which it is so
};

class Walk {
 public:
  // Walk goes through one automaton, or two where second is given. They outlive it.
  explicit Walk(const PolicyAutomaton& first, const PolicyAutomaton* second = nullptr);

  // run calls visit at every stop, shallow ones first. Errors  too_large, and what visit returned.
  Result<void> run(const std::function<Result<void>(const Stop&)>& visit);

  // each_situation calls visit once for every situation that requests on paths can be in, but for those
  // whose meetings skip returns true for: they need not be remembered. Errors  as run.
  using Skip = std::function<bool(const Meeting& one, const Meeting& other)>;
  Result<void> each_situation(const std::function<Result<void>(Situation)>& visit,
                              const Skip& skip = {});

  // path_to is a path that leads to a stop, as short as any that does.
  std::string path_to(std::size_t stop) const;

 private:
  using State = PolicyAutomaton::State;
  using Set = std::uint32_t;  // number of a set of patterns

  // Where distinguishes stops: the states, and the patterns passed on the way.
  struct Where {
    std::array<State, 2> state{};
    std::array<Set, 2> passed{};

    friend bool operator==(const Where&, const Where&) = default;
  };
  struct Hash {
    std::size_t operator()(const Where& where) const noexcept;
  };
  struct Node {
    Where where;
    std::size_t from = 0;
    std::string segment;
    std::size_t depth = 0;
    std::size_t len = 0;  // of the path, in bytes
  };

  Result<void> leave(std::size_t number);
  Result<void> take(std::size_t number, std::string_view segment);
  Meetings met(std::size_t automaton, const Node& node) const;
  Set number_of(std::vector<std::uint32_t> patterns);
  std::size_t num_automata() const noexcept { return automata_[1] == nullptr ? 1 : 2; }

  std::array<const PolicyAutomaton*, 2> automata_;
  std::vector<Node> nodes_;
  std::unordered_map<Where, std::size_t, Hash> known_;
  std::map<std::vector<std::uint32_t>, Set> sets_;
  std::vector<const std::vector<std::uint32_t>*> set_of_;
  std::size_t steps_left_ = kMaxSteps;
};

// fresh returns a segment that a canonical path can have, that begins with prefix but with no longer one
// of prefixes, and that is not one of labels; nothing if there is none. Both lists are sorted.
std::optional<std::string> fresh(std::string_view prefix,
                                 const std::vector<std::string_view>& labels,
                                 const std::vector<std::string_view>& prefixes);

}  // namespace strongroom::policy_walk
