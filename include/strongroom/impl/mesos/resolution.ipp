// resolution.ipp: the bodies of resolution.hpp.
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

Result<Resolution> Resolution::of(std::span<const Secret* const> secrets) {
  Resolution plan;
  for (const Secret* secret : secrets) {
    STRONGROOM_ASSIGN(reference, named(*secret));
    if (reference == nullptr) {
      STRONGROOM_ASSIGN(value, SecretBytes::copy_value(secret->value->data.reveal()));
      plan.steps_.push_back({std::nullopt, std::move(value)});
      continue;
    }
    STRONGROOM_ASSIGN(path, Path::parse_secret(reference->name));
    plan.paths_.push_back(std::move(path));
    plan.steps_.push_back({*reference, {}});
  }
  return plan;
}

Result<std::vector<SecretBytes>> Resolution::finish(std::vector<Result<StoredSecret>> found) {
  std::vector<SecretBytes> values;
  values.reserve(steps_.size());
  auto next = found.begin();
  for (Step& step : steps_) {
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
