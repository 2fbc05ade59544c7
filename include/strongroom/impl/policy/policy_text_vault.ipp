// policy_text_vault.ipp: HashiCorp Vault's and OpenBao's form of a policy, in JSON.
//
// In Vault, what a policy says besides capabilities narrows requests. Ignoring it would allow more than
// Vault does, so all of that is refused by name.
// Source: OpenBao vault/policy.go, for the keys and capabilities that exist.
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
    "allowed_parameters", "denied_parameters",     "required_parameters",
    "min_wrapping_ttl",   "max_wrapping_ttl",      "mfa_methods",
    "control_group",      "pagination_limit",      "list_scan_response_keys_filter_path",
    "expiration",         "subscribe_event_types",
};

static bool one_of(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Capability is one of Vault's words; sudo and patch are accepted, but match no action of ours.
struct Capability {
  std::string_view name;
  ActionSet allows;
};
constexpr Capability kCapabilities[] = {
    {"create", Action::create},
    {"read", Action::read},
    {"update", Action::update},
    {"patch", {}},
    {"delete", Action::erase},
    {"list", Action::list},
    {"scan", Action::scan},
    {"sudo", {}},
    {"deny", {}},
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
static Result<void> read_capability(const Spelled& word, PolicyRule& rule) {
  const auto* const found =
      std::find_if(std::begin(kCapabilities), std::end(kCapabilities),
                   [&](const Capability& each) { return each.name == word.value(); });
  if (found == std::end(kCapabilities)) return unknown_capability(word);
  rule.allow = rule.allow | found->allows;
  if (word.value() == "deny") rule.deny = ActionSet::on_paths();
  return {};
}

// An empty list is legal: its rule allows nothing, and takes precedence over wider rules that would.
static Result<void> read_capabilities(const Json& json, JsonValue array, PolicyRule& rule) {
  if (!array.is(JsonKind::array) || array.elements().begin() == array.elements().end()) {
    return json.expect(array, JsonKind::array, "'capabilities'");
  }
  auto done = json.each_string(array, "'capabilities'",
                               [&](const Spelled& word) { return read_capability(word, rule); });
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

static Result<void> check_member(const Json& json, JsonValue name, JsonValue value) {
  constexpr std::string_view kMembers[] = {"capabilities", "comment"};
  const std::string_view word = plain(name);
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

static Result<void> read_path(const Json& json, JsonValue name, JsonValue value,
                              PolicyParts& parts) {
  STRONGROOM_ASSIGN(pattern, read_vault_pattern(json, name));
  STRONGROOM_TRY(json.expect(value, JsonKind::object, "a path's value"));
  auto known = json.each_member(value, [&](JsonValue member, JsonValue content) {
    return check_member(json, member, content);
  });
  STRONGROOM_TRY(known);
  const auto capabilities = value.member("capabilities");
  if (!capabilities) return json.error(value, "a member 'capabilities' was missing");
  PolicyRule rule;
  rule.place = pattern.place;
  rule.paths.push_back(std::move(pattern));
  STRONGROOM_TRY(read_capabilities(json, *capabilities, rule));
  return parts.add(json.text(), Json::offset(name), std::move(rule));
}

}  // namespace detail::policy_text_vault

Result<void> read_vault_policy(const Json& json, JsonValue policy, PolicyParts& parts) {
  constexpr std::string_view kMembers[] = {"path"};
  STRONGROOM_TRY(json.expect(policy, JsonKind::object, "a policy"));
  STRONGROOM_TRY(json.only_members(policy, kMembers));
  const auto paths = policy.member("path");
  if (!paths) return json.error(policy, "a member 'path' was missing");
  STRONGROOM_TRY(json.expect(*paths, JsonKind::object, "'path'"));
  return json.each_member(*paths, [&](JsonValue name, JsonValue value) {
    return detail::policy_text_vault::read_path(json, name, value, parts);
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
