// environment.hpp: environment variables that are secrets, as Mesos' tasks ask for them.
//
// A variable is plain or a Secret. The secrets of an environment are resolved together, all or none: if
// one fails, all fail. Plain values are kept like secrets, since people put secrets into them. All plain
// values lie in one piece of locked memory, so that very many variables have room.
//
// Source  Apache Mesos src/common/validation.cpp, validateEnvironment;
//         src/slave/containerizer/mesos/isolators/environment_secret.cpp; docs/secrets.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "strongroom/function_ref.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom::mesos {

// Variable is one variable. Its value points to bytes that the Environment holds.
struct Variable {
  enum class Type : std::uint8_t { unknown = 0, value = 1, secret = 2 };

  std::string name;
  Type type = Type::value;
  std::optional<SecretView> value;
  std::optional<Secret> secret;
};

struct Environment {
  std::vector<Variable> variables;
  std::vector<SecretBytes> held;  // the bytes that the values point to
};

// hold_values copies the bytes that the values point to into one piece of locked memory of the environment,
// and points the values there.
// Errors  too_large, unavailable: memory.
Result<void> hold_values(Environment& environment);

// ResolvedVariable is what a process will see: name=value.
struct ResolvedVariable {
  std::string name;
  SecretView value;
};

struct ResolvedEnvironment {
  std::vector<ResolvedVariable> variables;
  std::vector<SecretBytes> held;  // the bytes that the values point to
};

// ResolveSecrets returns the bytes of every secret, in the order of its argument, or the first failure. If that
// is about one of the secrets, it sets `failed`, which is their number, to the index of that one.
using ResolveSecrets = FunctionRef<Result<std::vector<SecretBytes>>(std::span<const Secret* const>,
                                                                    std::size_t& failed)>;

// environment_from_json reads {"variables": [...]} as Mesos reads it (see secret_from_json). A
// variable without a type, or with a type of unknown name, is a plain one. It does not validate.
// Errors  invalid.  too_large: over max_len, or memory.  unavailable: memory.
Result<Environment> environment_from_json(SecretBytes text,
                                          std::size_t max_len = kDefaultMaxJsonLen);

// environment_to_json writes the members that are set, and every `type`, as secret_to_json does.
// Errors  as secret_to_json; also a name or value that is not UTF-8.
Result<SecretBytes> environment_to_json(const Environment& environment);

// The most variables that decode_environment reads.
inline constexpr std::size_t kMaxWireVariables = 1'000'000;

// decode_environment reads the protobuf wire format of mesos.Environment, as decode_secret reads a
// Secret. It does not validate.
// Errors  invalid: cut short, malformed, or `Missing required fields: ...`.
//         too_large: over kMaxSecretWireLen or kMaxWireVariables, or memory.  unavailable: memory.
Result<Environment> decode_environment(SecretView wire);

// encode_environment writes the bytes that protobuf writes, in field order. The type VALUE, which is
// the default, is left out.
// Errors  too_large, unavailable.
Result<SecretBytes> encode_environment(const Environment& environment);

// validate_environment checks Mesos' rules in Mesos' order, and reports the first fault in Mesos' words.
// It does not look at names, and two variables may have the same name.
// Errors  invalid.
Result<void> validate_environment(const Environment& environment);

// secrets_of lists the secrets that have to be resolved, in the order of the variables of a validated
// environment. The pointers are valid as long as the environment stays unchanged.
std::vector<const Secret*> secrets_of(const Environment& environment);

// merge puts resolved secrets in their places. Of variables with equal names it keeps one: a plain
// variable wins over a secret, whatever their order; of two plain ones or two secrets, the later wins.
//
// environment  taken over; must have passed validate_environment.
// resolved     the bytes of secrets_of(environment), in that order.
// Returns      the winners, each in its place among the variables. Bytes pass unchanged, UTF-8 or not.
// Errors       invalid: a name or value with a NUL, which no environment can hold; the message names
//              the variable. (Mesos checks only inline secrets, and lets the kernel cut off others at
//              the NUL.)  internal: resolved has another length.
Result<ResolvedEnvironment> merge(Environment environment, std::vector<SecretBytes> resolved);

// resolve_environment validates, resolves all secrets in one batch, and merges.
// Errors  those of validate_environment and merge; those of the resolver, with the names of the variable and the
//         secret that failed. The prefixes `Invalid environment specified: ` and `Collect failed: ` are Mesos'
//         own and come from it.
Result<ResolvedEnvironment> resolve_environment(Environment environment, ResolveSecrets resolve);

}  // namespace strongroom::mesos
