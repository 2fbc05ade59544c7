// resolution.ipp: the bodies of resolution.hpp.
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/mesos/resolution.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"

namespace strongroom::mesos {

Error about_secret(const std::string& asking, const Secret& secret, Error error) {
  std::string named;
  if (secret.reference) {
    const std::string& name = secret.reference->name;
    const bool said =
        error.message.find(name.substr(name.starts_with('/')) + "'") != std::string::npos;
    if (!said) named = "secret '" + name + "': ";
  }
  return {error.code, asking + ": " + named + error.message};
}

Result<Resolution> Resolution::of(std::span<const Secret* const> secrets, std::size_t& failed) {
  Resolution plan;
  for (failed = 0; failed < secrets.size(); ++failed) {
    const Secret& secret = *secrets[failed];
    STRONGROOM_ASSIGN(reference, named(secret));
    if (reference == nullptr) {
      STRONGROOM_ASSIGN(value, SecretBytes::copy_value(secret.value->data.reveal()));
      plan.steps_.push_back({std::nullopt, std::move(value)});
      continue;
    }
    STRONGROOM_ASSIGN(path, Path::parse_secret(reference->name));
    plan.paths_.push_back(std::move(path));
    plan.steps_.push_back({*reference, {}});
  }
  return plan;
}

std::size_t Resolution::message_of(std::size_t path) const noexcept {
  std::size_t message = 0;
  for (; message < steps_.size(); ++message) {
    if (steps_[message].reference && path-- == 0) break;
  }
  return message;
}

Result<std::vector<SecretBytes>> Resolution::finish(std::vector<Result<StoredSecret>> found,
                                                    std::size_t& failed) {
  std::vector<SecretBytes> values;
  values.reserve(steps_.size());
  auto next = found.begin();
  for (failed = 0; failed < steps_.size(); ++failed) {
    Step& step = steps_[failed];
    if (!step.reference) {
      values.push_back(std::move(step.value));
      continue;
    }
    STRONGROOM_ASSIGN(value, pick(*step.reference, std::move(*next++)));
    values.push_back(std::move(value));
  }
  return values;
}

Result<const Reference*> Resolution::named(const Secret& secret) {
  STRONGROOM_TRY(validate(secret));
  if (secret.reference && !(secret.type == Secret::Type::value)) return &*secret.reference;
  if (secret.value) return nullptr;
  return Error{Code::invalid, "Secret has no value"};
}

Result<SecretBytes> Resolution::pick(const Reference& reference, Result<StoredSecret> secret) {
  STRONGROOM_TRY(secret);
  if (!reference.key) return std::move(secret->value);
  return select_key(std::move(secret->value), *reference.key, reference.name);
}

}  // namespace strongroom::mesos
