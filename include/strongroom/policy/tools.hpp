// tools.hpp: questions about a policy, before and after it is in force.
//
// Answers refer to the rules as they were written. explain weighs them one by one, without the compiled
// policy that decides in a store, so that the two check each other.
//
// The tools are a library of their own, strongroom-policy-tools; the engine does not contain them.
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

// Matched is a rule that matches an identity and a path, whether or not it names the action.
struct Matched {
  std::size_t rule = 0;     // index into PolicyRules::rules
  std::size_t path = 0;     // index into its paths; 0 for a rule for the whole store
  std::size_t subject = 0;  // index into its subjects: the one that matches
  bool allows = false;      // the action
  bool denies = false;
  bool decided = false;  // the answer comes from this rule, or from several like it
};

inline constexpr std::size_t kMaxMatched = 1'000;

struct Explanation {
  Decision decision = Decision::refused;
  std::string because;           // one sentence
  std::vector<Matched> matched;  // first those that decided, then as written; at most kMaxMatched
};

// explain returns the decision on a request and the rules that match it. For list and scan, path may be
// the root.
Explanation explain(const PolicyRules& rules, const Identity& who, Action action, const Path& path);

// ---- who-can: everybody who is allowed ----

struct Holder {
  Subject subject;
  std::size_t rule = 0;         // one that allows it
  std::vector<Subject> unless;  // an identity that is also one of these is not allowed
};

inline constexpr std::size_t kMaxWhoCanLen = std::size_t{64} << 20;  // of all names in unless

// who_can lists the subjects that rules allow an action on a path. Only the host knows who is in which
// group. The list does not contain what needs no rule: administration by administrators, and what a
// service resolves in its own space.
// Errors  too_large: over kMaxWhoCanLen, which takes thousands of holders and of exceptions.
Result<std::vector<Holder>> who_can(const PolicyRules& rules, Action action, const Path& path);

// ---- diff: what changes ----

struct PolicyChange {
  Subject subject;
  std::optional<Subject> also;  // vault-compat: for an identity that is both, if neither shows it
  Action action = Action::read;
  Decision before = Decision::refused;  // for an identity that is nothing else
  Decision after = Decision::refused;
  std::string witness;  // a path where it changes; empty for the whole store, or the root
};

inline constexpr std::size_t kMaxPolicyChanges = 10'000;

// diff lists what changes from one policy to another: for each subject, action and pair of decisions a
// path that shows it, the shortest that was found. If the list is empty, both decide alike on every path,
// for everybody. A change for any-user, any-service or anyone (the identities that neither policy names) is
// not repeated for each subject of that kind. A service resolves only in its own space, before and after.
// Errors  too_large: more than kMaxPolicyChanges changes, or the two policies together have too many
//         wildcards in different places.
Result<std::vector<PolicyChange>> diff(const PolicyRules& before, const PolicyRules& after);

// ---- lint: what is odd ----

struct PolicyFinding {
  enum class Kind : std::uint8_t {
    redundant,   // without it nothing changes: other rules say the same
    overridden,  // it never decides: a deny, or a more specific pattern, always wins
    needless,    // it denies what nobody is allowed
    unmatched,   // no request can match it: no such path, nobody holds it, or nobody asks for it
    suspicious,  // it means something else than it seems to
  };
  Kind kind = Kind::suspicious;
  TextPlace place;
  std::string text;  // one sentence: what was found, and what to do
};

constexpr std::string_view to_string(PolicyFinding::Kind kind) noexcept {
  constexpr std::string_view names[] = {"redundant", "overridden", "needless", "unmatched",
                                        "suspicious"};
  return names[static_cast<std::uint8_t>(kind)];
}

// lint lists what is odd about a policy, in the order of its text. A path of a rule is a finding of its own.
//
// redundant, overridden and unmatched are proved: without such a path no request of anybody is answered
// differently, and all of them can be removed together. Without a needless one, what was denied is refused.
// In deny-overrides none of these is missed; in vault-compat some may be, if identities can hold several
// of the patterns that match. If a policy is so large that lint stops early, the last finding says so.
// Errors  too_large: too many wildcards in different places.
Result<std::vector<PolicyFinding>> lint(const PolicyRules& rules);

// ---- test: what must hold ----

struct Expectation {
  std::uint32_t line = 0;
  bool allow = false;  // false: refused or denied
  std::string who;     // as parse_identity reads it
  Action action = Action::read;
  std::string path;  // empty: the root, or the whole store
};

inline constexpr std::size_t kMaxExpectations = 100'000;

// parse_expectations reads lines of "allow WHO ACTION [PATH]" or "deny WHO ACTION [PATH]", separated by
// blanks; only PATH may contain blanks. A '#' at the beginning of a line, or after a blank, begins a comment.
// Errors  invalid: with line and column.  too_large: over kMaxExpectations, or kMaxPolicyTextLen.
Result<std::vector<Expectation>> parse_expectations(std::string_view text);

struct Disappointment {
  Expectation expectation;
  Explanation found;
};

inline constexpr std::size_t kMaxExplained = 100;

// disappointments lists the expectations that do not hold. The first kMaxExplained have the whole
// explanation, the others only the decision.
// Errors  invalid, too_large: from compiling the policy, or from an expectation.
Result<std::vector<Disappointment>> disappointments(const PolicyRules& rules,
                                                    const std::vector<Expectation>& expectations);

}  // namespace strongroom
