// tools.hpp: what one wants to know of a policy before, and after, it is in force.
//
// All of it speaks of the rules as they were written. explain weighs them one by one, without the
// automaton that decides in earnest, so that the two check each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// to_string writes a place as "web:3:14", document, line and column.
std::string to_string(const PolicyRules& rules, const TextPlace& place);

// ---- explain: why ----

// Matched is a rule that speaks of an identity and a path, whether or not of the action.
struct Matched {
  std::size_t rule = 0;     // index into PolicyRules::rules
  std::size_t path = 0;     // index into its paths; none for the whole store
  std::size_t subject = 0;  // index into its subjects: by which of them
  bool allows = false;      // the action
  bool denies = false;
  bool decided = false;  // it, or one like it, made the answer
};

inline constexpr std::size_t kMaxMatched = 1'000;

struct Explanation {
  Decision decision = Decision::refused;
  std::string because;           // one sentence
  std::vector<Matched> matched;  // those that decided first, else as written; kMaxMatched at most
};

// explain tells the decision on a request, and which rules spoke to it. For list and scan, path may be
// the root.
Explanation explain(const PolicyRules& rules, const Identity& who, Action action, const Path& path);

// ---- who-can: everybody who may ----

struct Holder {
  Subject subject;
  std::size_t rule = 0;         // one that allows it
  std::vector<Subject> unless;  // who is one of these as well may not
};

inline constexpr std::size_t kMaxWhoCanLen = std::size_t{64} << 20;  // of all names in unless

// who_can lists the subjects that may do it by rules given to them. Who is in which group, the host
// knows. What a policy gives to all without a rule (administration to administrators, what lies in
// its space to a service) is not in the list.
// Errors  too_large: over kMaxWhoCanLen, which takes thousands of holders and of exceptions.
Result<std::vector<Holder>> who_can(const PolicyRules& rules, Action action, const Path& path);

// ---- diff: what changes ----

struct PolicyChange {
  Subject subject;
  std::optional<Subject> also;  // in vault-compat: for who is both, where neither alone shows it
  Action action = Action::read;
  Decision before = Decision::refused;  // for somebody who is that alone
  Decision after = Decision::refused;
  std::string witness;  // a path for which it is so; empty for the whole store, or the root
};

inline constexpr std::size_t kMaxPolicyChanges = 10'000;

// diff lists what changes from one policy to another: for each subject, action and pair of decisions a
// path that shows it, the shortest that was found. Nothing in it: they decide alike on every path, for
// everybody. What changes for any-user, any-service or anyone (who are those named in neither policy)
// is not said again of those who are of that kind. What a service resolves, it resolves in its space.
// Errors  too_large: more than kMaxPolicyChanges changes, or the two together over the automaton's
//         bound.
Result<std::vector<PolicyChange>> diff(const PolicyRules& before, const PolicyRules& after);

// ---- lint: what is odd ----

struct PolicyFinding {
  enum class Kind : std::uint8_t {
    redundant,   // other rules allow all of it already: without it nothing changes
    overridden,  // what it allows is denied again, all of it
    needless,    // it denies what nobody allows
    unmatched,   // no path, or nobody, can ever match it
    suspicious,  // it means something else than it seems to
    no_effect,   // the store never asks for it there
  };
  Kind kind = Kind::suspicious;
  TextPlace place;
  std::string text;  // one sentence: what, and what to do
};

constexpr std::string_view to_string(PolicyFinding::Kind kind) noexcept {
  constexpr std::string_view names[] = {"redundant", "overridden", "needless",
                                        "unmatched", "suspicious", "no-effect"};
  return names[static_cast<std::uint8_t>(kind)];
}

// lint lists what is odd about a policy, in the order of its text.
// Errors  too_large: over the automaton's bound.
Result<std::vector<PolicyFinding>> lint(const PolicyRules& rules);

// ---- test: what must hold ----

struct Expectation {
  std::uint32_t line = 0;
  bool allow = false;  // or deny: refused and denied are one
  std::string who;     // as parse_identity reads it
  Action action = Action::read;
  std::string path;  // empty: the root, or the whole store
};

inline constexpr std::size_t kMaxExpectations = 100'000;

// parse_expectations reads a line each: "allow WHO ACTION [PATH]" or "deny WHO ACTION [PATH]", between
// blanks; only PATH may hold some, and a '#' after one, or at the begin of a line, begins a comment.
// Errors  invalid: with line and column.  too_large: over kMaxExpectations, or kMaxPolicyTextLen.
Result<std::vector<Expectation>> parse_expectations(std::string_view text);

struct Disappointment {
  Expectation expectation;
  Explanation found;
};

inline constexpr std::size_t kMaxExplained = 100;

// disappointments lists the expectations that do not hold, the first kMaxExplained with all of the
// explanation, any more with the decision alone.
// Errors  invalid, too_large: of the policy, which is compiled, or of an expectation.
Result<std::vector<Disappointment>> disappointments(const PolicyRules& rules,
                                                    const std::vector<Expectation>& expectations);

}  // namespace strongroom
