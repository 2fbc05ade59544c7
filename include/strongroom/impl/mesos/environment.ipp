// environment.ipp: reading, validating and merging environment variables; see environment.hpp.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/function_ref.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/json/json.hpp"
#include "strongroom/impl/mesos/definition.hpp"
#include "strongroom/impl/mesos/message_json.hpp"
#include "strongroom/mesos/environment.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::mesos {
namespace detail::environment {

using message_json::Missing;

static Variable::Type variable_type_named(std::string_view name) noexcept {
  if (name == "UNKNOWN") return Variable::Type::unknown;
  if (name == "SECRET") return Variable::Type::secret;
  return Variable::Type::value;
}

static Result<Variable> read_variable(JsonValue object, const std::string& prefix,
                                      Missing& missing) {
  Variable variable;
  STRONGROOM_ASSIGN(name, message_json::name_field(object, "name"));
  missing.require(name.has_value(), prefix, "name");
  if (name) variable.name = std::move(*name);

  STRONGROOM_ASSIGN(secret, message_json::message_field(object, "secret"));
  if (secret) {
    STRONGROOM_ASSIGN(read, message_json::read_secret(*secret, prefix + "secret.", missing));
    variable.secret = std::move(read);
  }
  STRONGROOM_ASSIGN(type, message_json::name_field(object, "type"));
  if (type) variable.type = variable_type_named(*type);

  STRONGROOM_ASSIGN(value, message_json::find(object, "value", JsonKind::string));
  if (value) variable.value = value->text();
  return variable;
}

static bool has_nul(SecretView bytes) noexcept {
  return bytes.reveal_text().find('\0') != std::string_view::npos;
}

// check_nul refuses what no environment can hold.
static Result<void> check_nul(const Variable& variable) {
  if (const std::size_t at = variable.name.find('\0'); at != std::string::npos) {
    return Error{Code::invalid, "Environment variable '" + variable.name.substr(0, at) +
                                    "' had a null byte in its name"};
  }
  if (!has_nul(*variable.value)) return {};
  const bool named = variable.secret && variable.secret->reference;
  return Error{Code::invalid,
               "Environment variable '" + variable.name + "'" +
                   (named ? ": secret '" + variable.secret->reference->name + "'" : "") +
                   " held a null byte, which no environment can hold"};
}

static Error refused(const Variable& variable, const std::string& why) {
  return {Code::invalid, "Environment variable '" + variable.name + "' " + why};
}

static Result<void> validate_secret(const Variable& variable) {
  if (!variable.secret) return refused(variable, "of type 'SECRET' must have a secret set");
  if (variable.value) return refused(variable, "of type 'SECRET' must not have a value set");
  if (const auto valid = validate(*variable.secret); !valid) {
    return refused(variable, "specifies an invalid secret: " + valid.error().message);
  }
  if (variable.secret->value && has_nul(variable.secret->value->data.view())) {
    return refused(variable,
                   "specifies a secret containing null bytes, which is not allowed in the "
                   "environment");
  }
  return {};
}

static Result<void> validate_plain(const Variable& variable) {
  if (!variable.value) return refused(variable, "of type 'VALUE' must have a value set");
  if (variable.secret) return refused(variable, "of type 'VALUE' must not have a secret set");
  return {};
}

static Result<void> validate_variable(const Variable& variable) {
  switch (variable.type) {
    case Variable::Type::secret:
      return validate_secret(variable);
    case Variable::Type::value:
      return validate_plain(variable);
    case Variable::Type::unknown:
      break;
  }
  return Error{Code::invalid, "Environment variable of type 'UNKNOWN' is not allowed"};
}

static bool is_plain(const Variable& variable) noexcept {
  return variable.type == Variable::Type::value;
}

// winners lists the variables that take effect, in their order. It sorts the names: whoever chooses them could
// make a hash table slow.
static std::vector<std::size_t> winners(const std::vector<Variable>& variables) {
  std::vector<std::size_t> by_name(variables.size());
  std::iota(by_name.begin(), by_name.end(), std::size_t{0});
  std::stable_sort(by_name.begin(), by_name.end(), [&](std::size_t a, std::size_t b) {
    return variables[a].name < variables[b].name;
  });
  std::vector<std::size_t> order;
  for (const std::size_t i : by_name) {
    if (order.empty() || variables[order.back()].name != variables[i].name) {
      order.push_back(i);
    } else if (is_plain(variables[i]) || !is_plain(variables[order.back()])) {
      order.back() = i;
    }
  }
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace detail::environment

Result<void> hold_values(Environment& environment) {
  std::size_t len = 0;
  for (const Variable& variable : environment.variables) {
    if (variable.value) len += variable.value->size();
  }
  STRONGROOM_ASSIGN(all, SecretBytes::for_value(len));
  std::size_t at = 0;
  for (Variable& variable : environment.variables) {
    if (!variable.value) continue;
    const std::size_t size = variable.value->size();
    if (size != 0)
      std::memcpy(all.reveal_mutable().data() + at, variable.value->reveal().data(), size);
    variable.value = all.view().subview(at, size);
    at += size;
  }
  environment.held.push_back(std::move(all));
  return {};
}

Result<Environment> message_json::read_environment(JsonValue object, const std::string& prefix,
                                                   Missing& missing) {
  Environment environment;
  const auto read = [&](JsonValue variable) -> Result<void> {
    const std::string index = std::to_string(environment.variables.size());
    STRONGROOM_ASSIGN(made, detail::environment::read_variable(
                                variable, prefix + "variables[" + index + "].", missing));
    environment.variables.push_back(std::move(made));
    return {};
  };
  if (const auto variables = object.member("variables")) {
    STRONGROOM_TRY(each_message(*variables, "variables", read));
  }
  return environment;
}

Result<Environment> environment_from_json(SecretBytes text, std::size_t max_len) {
  STRONGROOM_ASSIGN(json, JsonText::parse(std::move(text), max_len));
  if (!json.root().is(JsonKind::object)) return Error{Code::invalid, "Expecting a JSON object"};
  message_json::Missing missing;
  STRONGROOM_ASSIGN(environment, message_json::read_environment(json.root(), "", missing));
  STRONGROOM_TRY(missing.check());
  STRONGROOM_TRY(hold_values(environment));
  return std::move(environment);
}

Result<void> validate_environment(const Environment& environment) {
  for (const Variable& variable : environment.variables) {
    STRONGROOM_TRY(detail::environment::validate_variable(variable));
  }
  return {};
}

std::vector<const Secret*> secrets_of(const Environment& environment) {
  std::vector<const Secret*> secrets;
  for (const Variable& variable : environment.variables) {
    if (variable.type == Variable::Type::secret) secrets.push_back(&*variable.secret);
  }
  return secrets;
}

Result<ResolvedEnvironment> merge(Environment environment, std::vector<SecretBytes> resolved) {
  const auto is_secret = [](const Variable& variable) {
    return variable.type == Variable::Type::secret;
  };
  auto& variables = environment.variables;
  if (static_cast<std::size_t>(std::count_if(variables.begin(), variables.end(), is_secret)) !=
      resolved.size()) {
    return Error{Code::internal, "not every secret of an environment was resolved"};
  }
  auto next = resolved.begin();
  for (Variable& variable : variables) {
    if (is_secret(variable)) variable.value = (next++)->view();
    if (!variable.value) return Error{Code::internal, "an environment was not validated"};
    STRONGROOM_TRY(detail::environment::check_nul(variable));
  }
  ResolvedEnvironment merged;
  for (const std::size_t i : detail::environment::winners(variables)) {
    merged.variables.push_back({std::move(variables[i].name), *variables[i].value});
  }
  merged.held = std::move(environment.held);
  std::move(resolved.begin(), resolved.end(), std::back_inserter(merged.held));
  return merged;
}

Result<ResolvedEnvironment> resolve_environment(Environment environment, ResolveSecrets resolve) {
  STRONGROOM_TRY(validate_environment(environment));
  const std::vector<const Secret*> secrets = secrets_of(environment);
  std::size_t failed = secrets.size();
  auto resolved = resolve(secrets, failed);
  if (resolved) return merge(std::move(environment), std::move(resolved).value());
  for (const Variable& variable : environment.variables) {
    if (failed >= secrets.size() || !variable.secret || &*variable.secret != secrets[failed])
      continue;
    return about_secret("Environment variable '" + variable.name + "'", *variable.secret,
                        std::move(resolved).error());
  }
  return std::move(resolved).error();
}

}  // namespace strongroom::mesos
