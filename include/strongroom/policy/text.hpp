// text.hpp: the forms in which a policy is written.
//
// 1. Our own, JSON:
//      {"version": 1, "mode": "deny-overrides",
//       "rules": [
//         {"to": ["user:alice", "group:dba"], "allow": ["read", "list"], "paths": ["db/**"]},
//         {"to": ["anyone"], "deny": ["read"], "paths": ["db/*/root"]},
//         {"to": ["group:ops"], "allow": ["seal", "unseal"]},
//         {"to": ["user:bob"], "dcos": ["dcos:secrets:default:/dev/* full"]}]}
//    "mode": "vault-compat" has "policies" (a name, then Vault's form) and "grants" instead:
//      {"version": 1, "mode": "vault-compat",
//       "policies": {"web": {"path": {"web/*": {"capabilities": ["read"]}}}},
//       "grants": [{"to": ["group:web"], "policies": ["web"]}]}
//    and its "rules" are only for administration. Both may have "services_need_grants": true.
// 2. Vault's own JSON form, {"path": {...}}: a vault-compat policy with the document's name.
//    What narrows requests in Vault, other than capabilities, is an error, since ignoring it would allow
//    more than Vault did. Skipped: the members name, comment and subscribe_event_types, and the
//    capabilities sudo, patch, subscribe and recover, which allow nothing here.
// 3. DC/OS permissions, a text: "[user:alice group:ops]", then one permission per line,
//      dcos:secrets:default:/path/*  read,update
//    '#' begins a comment. Resources: dcos:secrets:default:PATH, dcos:secrets:list:default:PATH,
//    dcos:superuser. Skipped: dcos:adminrouter:..., dcos:mesos:..., dcos:service:..., dcos:cluster:...
//
// A document is JSON when its first byte that is not a blank is '{', and otherwise DC/OS permissions. An
// empty document is an error, since it may be a file that was cut short; {"version": 1} is a policy
// without rules.
//
// The documents of a store make one policy: all have the same mode, and each Vault policy has a name of
// its own. What is unknown (a member, an action, a star that means nothing) is an error, never ignored.
// What is known to have no effect on secrets is skipped and noted in PolicyRules::skipped.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// PolicyDocument is one text. Its name is that of a file, or the one under which it is stored.
struct PolicyDocument {
  std::string name;
  std::string text;
};

// parse_policy reads documents into the rules of one policy. No documents make a policy without rules.
//
// Errors  invalid: "policy 'web', line 3, column 14: ...".  too_large: over a limit of rules.hpp.
// Memory  within some 40 times the texts' length, and 300 MB for what the limits allow a text to
//         multiply.
// Threads any number at once.
Result<PolicyRules> parse_policy(std::span<const PolicyDocument> documents);

// check_policy_name checks whether a document can be stored under a name: 1..128 of [A-Za-z0-9._-], not
// beginning with '.' or '-'.
Result<void> check_policy_name(std::string_view name);

}  // namespace strongroom
