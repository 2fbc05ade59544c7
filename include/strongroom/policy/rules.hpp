// rules.hpp: the rules of a policy as they were written, before they are compiled.
//
// Every text form is parsed into these rules. Everything that explains a policy (explain, diff, lint)
// refers to them by their place in the text.
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

// The limits of a policy, so that no policy text can exhaust a process.
inline constexpr std::size_t kMaxPolicyRules = 200'000;     // rule times path
inline constexpr std::size_t kMaxPolicyGrants = 1'000'000;  // rule times path times subject
inline constexpr std::size_t kMaxPolicyDocuments = 4'096;
inline constexpr std::size_t kMaxPolicyDocumentLen = std::size_t{1} << 20;  // where it is stored
inline constexpr std::size_t kMaxPolicyTextLen = std::size_t{64} << 20;     // of all documents
inline constexpr std::size_t kMaxPolicyNameLen = 128;
inline constexpr std::size_t kMaxSubjectLen = 4'096;
inline constexpr std::size_t kMaxPolicySkipped = 10'000;  // that are listed; all are counted

// PolicyMode is how rules that match the same request are weighed.
enum class PolicyMode : std::uint8_t {
  deny_overrides,  // a rule must allow and none may deny; order and length do not matter
  vault_compat,    // HashiCorp Vault's, since 1.15.2: only the most specific pattern counts
};

constexpr std::string_view to_string(PolicyMode mode) noexcept {
  return mode == PolicyMode::deny_overrides ? "deny-overrides" : "vault-compat";
}

// Subject says to which callers a rule applies: "user:alice", "group:ops", "any-user".
struct Subject {
  enum class Kind : std::uint8_t {
    user,
    service,
    administrator,
    group,
    any_user,  // the last three have no name
    any_service,
    anyone,  // every identity
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

// parse_identity reads a caller, for tools. That is "trusted", or a subject that is not a group. After a
// subject comes "+group:NAME" for each of its groups, then "@SPACE" for a service's space, as in
// "service:/web@/web". A service without "@SPACE" is in the space of its own id. Errors  invalid.
Result<Identity> parse_identity(std::string_view text);

// TextPlace is a place in a document. Lines and columns (in bytes) are counted from 1.
struct TextPlace {
  std::uint32_t document = 0;  // index into PolicyRules::documents
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

// PathPattern matches paths. It is in the notation of the policy's mode, and canonical: without the
// leading '/'.
//
//   deny_overrides  segments; "*" matches any one segment, "**" as the last segment everything below.
//   vault_compat    "+" matches any one segment, a trailing '*' any bytes, everything else itself.
struct PathPattern {
  std::string text;
  TextPlace place;
};

// PolicyRule allows actions to its subjects, and denies others, on paths. Without a path, its actions are
// on the whole store.
struct PolicyRule {
  TextPlace place;
  std::vector<Subject> subjects;
  ActionSet allow;
  ActionSet deny;
  std::vector<PathPattern> paths;
};

// SkippedPart is a part of a text that cannot affect secrets, and has no effect here. Skipping it never
// allows more, since it neither narrows a rule nor denies anything.
struct SkippedPart {
  enum class Kind : std::uint8_t { member, capability, permission };
  Kind kind = Kind::member;
  TextPlace place;
  std::string text;  // what it is, and why it was skipped
};

constexpr std::string_view to_string(SkippedPart::Kind kind) noexcept {
  constexpr std::string_view names[] = {"member", "capability", "permission"};
  return names[static_cast<std::size_t>(kind)];
}

struct PolicyRules {
  PolicyMode mode = PolicyMode::deny_overrides;
  bool services_need_grants = false;
  std::vector<std::string> documents;  // their names
  std::vector<PolicyRule> rules;
  std::vector<SkippedPart> skipped;  // the first kMaxPolicySkipped
  std::size_t num_skipped = 0;       // all
};

// effective returns the actions that a rule's actions imply: read implies resolve and, in
// deny_overrides, list implies scan. It applies to allowed and to denied actions alike.
constexpr ActionSet effective(PolicyMode mode, ActionSet actions) noexcept {
  if (actions.has(Action::read)) actions = actions | Action::resolve;
  const bool own = mode == PolicyMode::deny_overrides;
  if (own && actions.has(Action::list)) actions = actions | Action::scan;
  return actions;
}

// check_pattern checks whether a pattern means something in a mode.
// Errors  invalid: what is wrong with it; *offset, where offset is not null, is set to the wrong byte.
Result<void> check_pattern(PolicyMode mode, std::string_view pattern,
                           std::size_t* offset = nullptr);

}  // namespace strongroom
