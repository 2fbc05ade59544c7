// policy_text_vault.ipp: HashiCorp Vault's and OpenBao's form of a policy, in JSON.
//
// Most of what a policy says besides capabilities narrows requests in Vault. Ignoring it would allow more
// than Vault does, so it is refused by name. To leave out only the rule's own grant would not be enough:
// Vault merges the rules of all policies of a caller for one path, and what narrows one of them narrows
// what the others grant. What neither narrows a grant of ours nor denies is skipped, and noted.
// Source: HashiCorp Vault and OpenBao, vault/policy.go, for the keys and capabilities that exist.
#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/function_ref.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/json/json.hpp"
#include "strongroom/impl/policy/policy_json.hpp"
#include "strongroom/impl/policy/policy_text.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom::policy_text {
namespace detail::policy_text_vault {

constexpr std::string_view kNarrowing[] = {
    "allowed_parameters", "denied_parameters",         "required_parameters",
    "min_wrapping_ttl",   "max_wrapping_ttl",          "mfa_methods",
    "control_group",      "pagination_limit",          "list_scan_response_keys_filter_path",
    "expiration",         "response_keys_filter_path",
};

static bool one_of(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Capability is one of Vault's words. One that matches no action of ours is skipped, but its rule stays:
// a rule that allows nothing takes precedence over wider rules that would allow something.
struct Capability {
  std::string_view name;
  ActionSet allows;
  std::string_view skipped = {};  // why, if it is
};
constexpr Capability kCapabilities[] = {
    {"create", Action::create},
    {"read", Action::read},
    {"update", Action::update},
    {"patch", {}, "a secret is written as a whole here, which needs 'update'"},
    {"delete", Action::erase},
    {"list", Action::list},
    {"scan", Action::scan},
    {"sudo", {}, "no path needs it here"},
    {"deny", {}},
    {"subscribe", {}, "it is about events of Vault"},
    {"recover", {}, "it is about snapshots of Vault"},
};

static Error unknown_capability(const Spelled& word) {
  std::vector<std::string_view> known;
  for (const Capability& each : kCapabilities) known.push_back(each.name);
  const std::string why = word.value() == "root"
                              ? "'root' is no capability of a path"
                              : "the capability " + in_quotes(word.value()) + " was unknown" +
                                    did_you_mean(word.value(), known);
  return word.error(word.value(), why + " (known: " + listed(known) + ")");
}

// read_capability adds a word to a rule, whatever stands next to it: deny takes the rest away later.
static Result<void> read_capability(const Spelled& word, PolicyRule& rule, PolicyParts& parts) {
  const auto* const found =
      std::find_if(std::begin(kCapabilities), std::end(kCapabilities),
                   [&](const Capability& each) { return each.name == word.value(); });
  if (found == std::end(kCapabilities)) return unknown_capability(word);
  rule.allow = rule.allow | found->allows;
  if (word.value() == "deny") rule.deny = ActionSet::on_paths();
  if (!found->skipped.empty()) {
    parts.skip(word.text(), word.offset(word.value()), SkippedPart::Kind::capability,
               "the capability " + in_quotes(found->name) +
                   " grants nothing: " + std::string(found->skipped));
  }
  return {};
}

// An empty list is legal: its rule allows nothing, and takes precedence over wider rules that would.
static Result<void> read_capabilities(const Json& json, JsonValue array, PolicyRule& rule,
                                      PolicyParts& parts) {
  if (!array.is(JsonKind::array) || array.elements().begin() == array.elements().end()) {
    return json.expect(array, JsonKind::array, "'capabilities'");
  }
  auto done = json.each_string(array, "'capabilities'", [&](const Spelled& word) {
    return read_capability(word, rule, parts);
  });
  if (!rule.deny.empty()) rule.allow = {};
  return done;
}

static std::string capabilities_of_old(std::string_view policy) {
  if (policy == "deny") return "[\"deny\"]";
  if (policy == "read") return "[\"read\", \"list\"]";
  if (policy == "write") return "[\"create\", \"read\", \"update\", \"delete\", \"list\"]";
  if (policy == "sudo") return "[\"create\", \"read\", \"update\", \"delete\", \"list\", \"sudo\"]";
  return "[...]";
}

// skip notes a member that has no effect.
static void skip(const Json& json, JsonValue name, std::string_view why, PolicyParts& parts) {
  parts.skip(json.text(), Json::offset(name), SkippedPart::Kind::member,
             "the member " + in_quotes(plain(name)) + " has no effect: " + std::string(why));
}

static Result<void> check_member(const Json& json, JsonValue name, JsonValue value) {
  constexpr std::string_view kMembers[] = {"capabilities", "comment", "subscribe_event_types"};
  const std::string_view word = plain(name);
  if (word == kMembers[2]) return json.expect(value, JsonKind::array, in_quotes(word));
  if (one_of(kMembers, word)) return {};
  if (one_of(kNarrowing, word)) {
    return json.error(name, in_quotes(word) +
                                " narrows requests in Vault, which is not supported "
                                "here; ignoring it would allow more than Vault does");
  }
  if (word == "policy") {
    const std::string_view old = value.is(JsonKind::string) ? plain(value) : std::string_view();
    return json.error(name, "'policy' is the form of old Vault; write \"capabilities\": " +
                                capabilities_of_old(old));
  }
  return json.error(name, "the member " + in_quotes(word) + " was unknown" +
                              did_you_mean(word, kMembers) + " (known: 'capabilities')");
}

static Result<PathPattern> read_vault_pattern(const Json& json, JsonValue name) {
  const Spelled spelled = json.spelled(name);
  const std::size_t brace = spelled.value().find("{{");
  if (brace != std::string_view::npos) {
    return spelled.error(spelled.value().substr(brace),
                         "templates are not supported; write a policy for each identity");
  }
  return read_pattern(spelled, spelled.value(), PolicyMode::vault_compat);
}

// read_member reads a member that check_member let pass. It is called in the order of the text, so that
// places are found fast.
static Result<void> read_member(const Json& json, JsonValue name, JsonValue value, PolicyRule& rule,
                                PolicyParts& parts) {
  const std::string_view word = plain(name);
  if (word == "capabilities") return read_capabilities(json, value, rule, parts);
  const bool comment = word == "comment";
  skip(json, name, comment ? "it is a comment" : "it narrows only 'subscribe'", parts);
  return {};
}

static Result<void> read_path(const Json& json, JsonValue name, JsonValue value,
                              PolicyParts& parts) {
  STRONGROOM_ASSIGN(pattern, read_vault_pattern(json, name));
  STRONGROOM_TRY(json.expect(value, JsonKind::object, "a path's value"));
  auto known = json.each_member(value, [&](JsonValue member, JsonValue content) {
    return check_member(json, member, content);
  });
  STRONGROOM_TRY(known);
  if (!value.member("capabilities"))
    return json.error(value, "a member 'capabilities' was missing");
  PolicyRule rule;
  rule.place = pattern.place;
  rule.paths.push_back(std::move(pattern));
  auto read = json.each_member(value, [&](JsonValue member, JsonValue content) {
    return read_member(json, member, content, rule, parts);
  });
  STRONGROOM_TRY(read);
  return parts.add(json.text(), Json::offset(name), std::move(rule));
}

static Result<void> read_paths(const Json& json, JsonValue paths, PolicyParts& parts) {
  STRONGROOM_TRY(json.expect(paths, JsonKind::object, "'path'"));
  return json.each_member(
      paths, [&](JsonValue name, JsonValue value) { return read_path(json, name, value, parts); });
}

// In Vault, too, a policy has the name under which it is written, whatever its text says.
static Result<void> skip_name(const Json& json, JsonValue name, JsonValue value,
                              PolicyParts& parts) {
  STRONGROOM_TRY(json.expect(value, JsonKind::string, "'name'"));
  skip(json, name,
       "a policy is granted by the name of its document, or by its name in 'policies', not as " +
           in_quotes(plain(value)),
       parts);
  return {};
}

}  // namespace detail::policy_text_vault

Result<void> read_vault_policy(const Json& json, JsonValue policy, PolicyParts& parts) {
  constexpr std::string_view kMembers[] = {"path", "name"};
  STRONGROOM_TRY(json.expect(policy, JsonKind::object, "a policy"));
  STRONGROOM_TRY(json.only_members(policy, kMembers));
  if (!policy.member("path")) return json.error(policy, "a member 'path' was missing");
  return json.each_member(policy, [&](JsonValue name, JsonValue value) {
    if (plain(name) == "name") {
      return detail::policy_text_vault::skip_name(json, name, value, parts);
    }
    return detail::policy_text_vault::read_paths(json, value, parts);
  });
}

Result<void> read_vault(Json& json, PolicyParts& parts) {
  const std::size_t begin = Json::offset(json.root());
  STRONGROOM_TRY(parts.enter_mode(json.text(), begin, PolicyMode::vault_compat));
  STRONGROOM_TRY(parts.begin_vault_policy(json.text(), begin, json.text().name()));
  auto done = read_vault_policy(json, json.root(), parts);
  parts.end_vault_policy();
  return done;
}

}  // namespace strongroom::policy_text
