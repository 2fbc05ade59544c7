// rules.hpp: the rules of a policy as they were written, before they are compiled.
//
// Every text form ends here, and everything that tells about a policy (explain, diff, lint) speaks of
// these rules, by the place in the text that they came from.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// What a policy may hold, so that no text of it can exhaust a process.
inline constexpr std::size_t kMaxPolicyRules = 200'000;     // rule times path
inline constexpr std::size_t kMaxPolicyGrants = 1'000'000;  // rule times path times subject
inline constexpr std::size_t kMaxPolicyDocuments = 4'096;
inline constexpr std::size_t kMaxPolicyDocumentLen = std::size_t{1} << 20;  // where it is stored
inline constexpr std::size_t kMaxPolicyTextLen = std::size_t{64} << 20;     // of all documents
inline constexpr std::size_t kMaxPolicyNameLen = 128;
inline constexpr std::size_t kMaxSubjectLen = 4'096;

// PolicyMode is how rules that match the same request are weighed.
enum class PolicyMode : std::uint8_t {
  deny_overrides,  // one that allows is needed, none may deny; order and length play no part
  vault_compat,    // HashiCorp Vault's, since 1.15.2: only the most specific pattern counts
};

constexpr std::string_view to_string(PolicyMode mode) noexcept {
  return mode == PolicyMode::deny_overrides ? "deny-overrides" : "vault-compat";
}

// Subject is whom a rule is for: "user:alice", "group:ops", "any-user".
struct Subject {
  enum class Kind : std::uint8_t {
    user,
    service,
    administrator,
    group,
    any_user,  // the last three have no name
    any_service,
    anyone,  // whoever has an identity
  };
  Kind kind = Kind::anyone;
  std::string name;

  friend bool operator==(const Subject&, const Subject&) = default;
  friend auto operator<=>(const Subject&, const Subject&) = default;
};

// to_string writes a subject as parse_subject reads it.
std::string to_string(const Subject& subject);

// parse_subject reads "user:ID", "service:ID", "administrator:ID", "group:NAME", "any-user",
// "any-service" or "anyone". Errors  invalid: anything else.
Result<Subject> parse_subject(std::string_view text);

// parse_identity reads who asks, for tools: a subject that is no group, then "+group:NAME" for each of
// its groups, then "@SPACE" for a service's space ("service:/web@/web", where a service without is in
// the space of its own id), or "trusted". Errors  invalid.
Result<Identity> parse_identity(std::string_view text);

// TextPlace is where in a document something stands; lines and columns (in bytes) begin with 1.
struct TextPlace {
  std::uint32_t document = 0;  // index into PolicyRules::documents
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

// PathPattern is what a rule says of paths, in the notation of the policy's mode, canonical: without
// the leading '/'.
//
//   deny_overrides  segments; "*" is any one segment, "**" as the last one everything below.
//   vault_compat    "+" is any one segment, a trailing '*' any bytes; everything else is itself.
struct PathPattern {
  std::string text;
  TextPlace place;
};

// PolicyRule gives subjects what it allows, and takes what it denies, on paths; or, without a path, on
// the whole store.
struct PolicyRule {
  TextPlace place;
  std::vector<Subject> subjects;
  ActionSet allow;
  ActionSet deny;
  std::vector<PathPattern> paths;
};

struct PolicyRules {
  PolicyMode mode = PolicyMode::deny_overrides;
  bool services_need_grants = false;
  std::vector<std::string> documents;  // their names
  std::vector<PolicyRule> rules;
};

// effective is what a rule's actions mean: who may read may have it resolved, and in deny_overrides a
// list of names and a scan of all below are one right. What is denied reaches as far.
constexpr ActionSet effective(PolicyMode mode, ActionSet actions) noexcept {
  if (actions.has(Action::read)) actions = actions | Action::resolve;
  const bool own = mode == PolicyMode::deny_overrides;
  if (own && actions.has(Action::list)) actions = actions | Action::scan;
  return actions;
}

// check_pattern tells whether a pattern means something in a mode.
// Errors  invalid: what is wrong with it; offset, where given, is told which byte.
Result<void> check_pattern(PolicyMode mode, std::string_view pattern,
                           std::size_t* offset = nullptr);

}  // namespace strongroom
