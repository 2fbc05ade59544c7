// resolution.ipp: the bodies of resolution.hpp.
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "strongroom/impl/mesos/resolution.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/secrets.hpp"

namespace strongroom {

Result<Resolution> Resolution::of(std::span<const Secret* const> secrets) {
  Resolution plan;
  for (const Secret* secret : secrets) {
    auto reference = named(*secret);
    if (!reference) return std::move(reference).error();
    if (reference.value() == nullptr) {
      auto value = SecretBytes::copy_value(secret->value->data.reveal());
      if (!value) return std::move(value).error();
      plan.steps_.push_back({std::nullopt, std::move(value).value()});
      continue;
    }
    auto path = Path::parse_secret(reference.value()->name);
    if (!path) return std::move(path).error();
    plan.paths_.push_back(std::move(path).value());
    plan.steps_.push_back({*reference.value(), {}});
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
    auto value = pick(*step.reference, std::move(*next++));
    if (!value) return std::move(value).error();
    values.push_back(std::move(value).value());
  }
  return values;
}

Result<const Reference*> Resolution::named(const Secret& secret) {
  if (auto good = validate(secret); !good) return std::move(good).error();
  if (secret.reference && !(secret.type == Secret::Type::value)) return &*secret.reference;
  if (secret.value) return nullptr;
  return Error{Code::invalid, "Secret has no value"};
}

Result<SecretBytes> Resolution::pick(const Reference& reference, Result<StoredSecret> secret) {
  if (!secret) return std::move(secret).error();
  if (!reference.key) return std::move(secret->value);
  return select_key(std::move(secret->value), *reference.key, reference.name);
}

}  // namespace strongroom
