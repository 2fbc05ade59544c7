// policy_text_own.ipp: our own form of a policy, {"version": 1, ...}; see policy/text.hpp.
#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
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
namespace detail::policy_text_own {

constexpr auto kActionNames = [] {
  std::array<std::string_view, kNumActions> names{};
  for (std::size_t i = 0; i < kNumActions; ++i) names[i] = to_string(static_cast<Action>(i));
  return names;
}();

// meant_action returns a hint for words that other stores use.
static std::string meant_action(std::string_view word) {
  constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"*", "; write out what you mean"},
      {"all", "; write out what you mean"},
      {"any", "; write out what you mean"},
      {"full", "; DC/OS' full is create, read, update and delete"},
      {"write", "; did you mean 'create' and 'update'?"},
      {"put", "; did you mean 'create' and 'update'?"},
      {"patch", "; did you mean 'update'?"},
      {"get", "; did you mean 'read'?"},
      {"remove", "; did you mean 'delete'?"},
      {"erase", "; did you mean 'delete'?"},
  };
  const auto* const found = std::find_if(std::begin(kWords), std::end(kWords),
                                         [&](const auto& each) { return each.first == word; });
  if (found != std::end(kWords)) return std::string(found->second);
  return did_you_mean(word, kActionNames);
}

static Result<Action> read_action(const Spelled& spelled) {
  const auto* const found = std::find(kActionNames.begin(), kActionNames.end(), spelled.value());
  if (found != kActionNames.end()) return static_cast<Action>(found - kActionNames.begin());
  return spelled.error(spelled.value(), "the action " + in_quotes(spelled.value()) +
                                            " was unknown" + meant_action(spelled.value()) +
                                            " (known: " + listed(kActionNames) + ")");
}

static Result<ActionSet> read_actions(const Json& json, JsonValue array, std::string_view what) {
  ActionSet actions;
  auto done = json.each_string(array, what, [&](const Spelled& spelled) -> Result<void> {
    STRONGROOM_ASSIGN(action, read_action(spelled));
    actions = actions | action;
    return {};
  });
  STRONGROOM_TRY(done);
  return actions;
}

// first_of names an action of a set, which must not be empty.
static std::string first_of(ActionSet actions) {
  for (std::size_t i = 0; i < kNumActions; ++i) {
    if (actions.has(static_cast<Action>(i))) return in_quotes(kActionNames[i]);
  }
  return "";
}

static Result<std::vector<Subject>> read_subjects(const Json& json, JsonValue of) {
  const auto to = of.member("to");
  if (!to) return json.error(of, "a member 'to' was missing; name the subjects it is for");
  std::vector<Subject> subjects;
  auto done = json.each_string(*to, "'to'", [&](const Spelled& spelled) -> Result<void> {
    STRONGROOM_ASSIGN(subject, read_subject(spelled, spelled.value()));
    subjects.push_back(std::move(subject));
    return {};
  });
  STRONGROOM_TRY(done);
  return subjects;
}

// check_reach checks that actions on paths have paths, and that actions on the whole store have none.
static Result<void> check_reach(const Json& json, JsonValue rule, JsonValue written,
                                ActionSet actions) {
  const ActionSet on_paths = actions & ActionSet::on_paths();
  const ActionSet on_store = actions & ActionSet::administration();
  const auto paths = rule.member("paths");
  if (!on_paths.empty() && !on_store.empty()) {
    return json.error(written, first_of(on_store) + " concerns the whole store and " +
                                   first_of(on_paths) + " concerns paths; make two rules of it");
  }
  if (!on_store.empty() && paths) {
    return json.error(
        *paths, first_of(on_store) + " concerns the whole store; leave 'paths' out of its rule");
  }
  if (!on_paths.empty() && !paths) {
    return json.error(rule,
                      "a member 'paths' was missing; " + first_of(on_paths) + " concerns paths");
  }
  return {};
}

static Result<void> read_paths(const Json& json, JsonValue array, PolicyRule& rule) {
  return json.each_string(array, "'paths'", [&](const Spelled& spelled) -> Result<void> {
    STRONGROOM_ASSIGN(pattern, read_pattern(spelled, spelled.value(), PolicyMode::deny_overrides));
    rule.paths.push_back(std::move(pattern));
    return {};
  });
}

static Result<void> read_permissions_of(const Json& json, JsonValue rule, JsonValue dcos,
                                        PolicyParts& parts) {
  if (const auto paths = rule.member("paths"); paths) {
    return json.error(*paths, "'dcos' names its paths itself; leave 'paths' out");
  }
  STRONGROOM_ASSIGN(subjects, read_subjects(json, rule));
  return json.each_string(dcos, "'dcos'", [&](const Spelled& permission) {
    return add_permission(permission, subjects, parts);
  });
}

static Result<void> read_plain_rule(const Json& json, JsonValue object, JsonValue written,
                                    bool allows, PolicyParts& parts) {
  PolicyRule rule;
  rule.place = json.text().place(Json::offset(object));
  STRONGROOM_ASSIGN(subjects, read_subjects(json, object));
  rule.subjects = std::move(subjects);
  STRONGROOM_ASSIGN(actions, read_actions(json, written, allows ? "'allow'" : "'deny'"));
  (allows ? rule.allow : rule.deny) = actions;
  STRONGROOM_TRY(check_reach(json, object, written, actions));
  if (const auto paths = object.member("paths"); paths) {
    STRONGROOM_TRY(read_paths(json, *paths, rule));
  }
  return parts.add(json.text(), Json::offset(object), std::move(rule));
}

// check_vault_rule allows in 'rules' only what Vault's form cannot say.
static Result<void> check_vault_rule(const Json& json, JsonValue rule) {
  for (const char* name : {"paths", "dcos"}) {
    if (const auto member = rule.member(name); member) {
      return json.error(*member,
                        "in mode vault-compat 'rules' hold administration only; write "
                        "paths into 'policies'");
    }
  }
  return {};
}

static Result<void> read_rule(const Json& json, JsonValue rule, PolicyMode mode,
                              PolicyParts& parts) {
  constexpr std::string_view kMembers[] = {"to", "allow", "deny", "dcos", "paths"};
  STRONGROOM_TRY(json.expect(rule, JsonKind::object, "a rule"));
  STRONGROOM_TRY(json.only_members(rule, kMembers));
  if (mode == PolicyMode::vault_compat) {
    STRONGROOM_TRY(check_vault_rule(json, rule));
  }
  const auto allow = rule.member("allow");
  const auto deny = rule.member("deny");
  const auto dcos = rule.member("dcos");
  if (int{allow.has_value()} + int{deny.has_value()} + int{dcos.has_value()} != 1) {
    return json.error(rule, "a rule must have exactly one of 'allow', 'deny' and 'dcos'");
  }
  if (dcos) return read_permissions_of(json, rule, *dcos, parts);
  return read_plain_rule(json, rule, allow ? *allow : *deny, allow.has_value(), parts);
}

static Result<void> read_rules(const Json& json, JsonValue rules, PolicyMode mode,
                               PolicyParts& parts) {
  STRONGROOM_TRY(json.expect(rules, JsonKind::array, "'rules'"));
  for (const JsonValue rule : rules.elements()) {
    STRONGROOM_TRY(read_rule(json, rule, mode, parts));
  }
  return {};
}

static Result<void> read_grant(const Json& json, JsonValue object, PolicyParts& parts) {
  constexpr std::string_view kMembers[] = {"to", "policies"};
  STRONGROOM_TRY(json.expect(object, JsonKind::object, "a grant"));
  STRONGROOM_TRY(json.only_members(object, kMembers));
  STRONGROOM_ASSIGN(to, read_subjects(json, object));
  PolicyParts::Grant grant{std::move(to), {}};
  const auto policies = object.member("policies");
  if (!policies) return json.error(object, "a member 'policies' was missing; say what is granted");
  auto done = json.each_string(*policies, "'policies'", [&](const Spelled& name) -> Result<void> {
    grant.policies.push_back({std::string(name.value()), name.place(name.value())});
    return {};
  });
  STRONGROOM_TRY(done);
  return parts.grant(json.text(), Json::offset(object), std::move(grant));
}

static Result<void> read_grants(const Json& json, JsonValue grants, PolicyParts& parts) {
  STRONGROOM_TRY(json.expect(grants, JsonKind::array, "'grants'"));
  for (const JsonValue grant : grants.elements()) {
    STRONGROOM_TRY(read_grant(json, grant, parts));
  }
  return {};
}

static Result<void> read_policies(const Json& json, JsonValue policies, PolicyParts& parts) {
  STRONGROOM_TRY(json.expect(policies, JsonKind::object, "'policies'"));
  return json.each_member(policies, [&](JsonValue name, JsonValue policy) -> Result<void> {
    STRONGROOM_TRY(parts.begin_vault_policy(json.text(), Json::offset(name), plain(name)));
    auto done = read_vault_policy(json, policy, parts);
    parts.end_vault_policy();
    return done;
  });
}

static Result<void> check_version(const Json& json) {
  const JsonValue version = *json.root().member("version");
  if (version.is(JsonKind::number) && plain(version) == "1") return {};
  const bool written = version.is(JsonKind::number) || version.is(JsonKind::string);
  return json.error(version, "the version " + (written ? in_quotes(plain(version)) + " " : "") +
                                 "was unknown; this program knows the number 1");
}

// read_mode returns the mode, and refuses members that do not belong to it.
static Result<PolicyMode> read_mode(const Json& json, PolicyParts& parts) {
  constexpr std::string_view kModes[] = {"deny-overrides", "vault-compat"};
  const JsonValue root = json.root();
  const auto member = root.member("mode");
  PolicyMode mode = PolicyMode::deny_overrides;
  if (member) {
    STRONGROOM_TRY(json.expect(*member, JsonKind::string, "'mode'"));
    const auto* const known = std::find(std::begin(kModes), std::end(kModes), plain(*member));
    if (known == std::end(kModes)) {
      return json.error(*member, "the mode " + in_quotes(plain(*member)) + " was unknown" +
                                     did_you_mean(plain(*member), kModes) +
                                     " (known: " + listed(kModes) + ")");
    }
    if (known != std::begin(kModes)) mode = PolicyMode::vault_compat;
  }
  for (const char* name : {"policies", "grants"}) {
    const auto vaults = root.member(name);
    if (!vaults || mode == PolicyMode::vault_compat) continue;
    return json.error(*vaults, in_quotes(name) + " belong to \"mode\": \"vault-compat\"; say so");
  }
  STRONGROOM_TRY(parts.enter_mode(json.text(), Json::offset(member ? *member : root), mode));
  return mode;
}

static Result<void> read_services_need_grants(const Json& json, PolicyParts& parts) {
  const auto member = json.root().member("services_need_grants");
  if (!member) return {};
  auto right = json.expect(*member, JsonKind::boolean, "'services_need_grants'");
  if (right && member->is_true()) parts.need_grants_for_services();
  return right;
}

}  // namespace detail::policy_text_own

Result<void> read_own(Json& json, PolicyParts& parts) {
  constexpr std::string_view kMembers[] = {"version", "mode",     "services_need_grants",
                                           "rules",   "policies", "grants"};
  const JsonValue root = json.root();
  STRONGROOM_TRY(detail::policy_text_own::check_version(json));
  STRONGROOM_TRY(json.only_members(root, kMembers));
  STRONGROOM_ASSIGN(mode, detail::policy_text_own::read_mode(json, parts));
  STRONGROOM_TRY(detail::policy_text_own::read_services_need_grants(json, parts));
  if (const auto rules = root.member("rules"); rules) {
    STRONGROOM_TRY(detail::policy_text_own::read_rules(json, *rules, mode, parts));
  }
  if (const auto policies = root.member("policies"); policies) {
    STRONGROOM_TRY(detail::policy_text_own::read_policies(json, *policies, parts));
  }
  const auto grants = root.member("grants");
  return grants ? detail::policy_text_own::read_grants(json, *grants, parts) : Result<void>();
}

}  // namespace strongroom::policy_text
