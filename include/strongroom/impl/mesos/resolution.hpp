// resolution.hpp: what Mesos' Secret messages stand for, once the stored secrets are read.
//
// It says which secrets to read, and then puts each value where its message stood. It outlives the
// messages, so that reading need not be waited for.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "strongroom/impl/barrier/secret_reader.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {

class Resolution {
 public:
  // of copies what it needs of the messages: references, and values that came in them.
  // Errors  invalid: a message breaks Mesos' rules.  Those of locked memory.
  static Result<Resolution> of(std::span<const Secret* const> secrets) {
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

  // paths are those of the secrets to read.
  const std::vector<Path>& paths() const noexcept { return paths_; }

  // finish takes one outcome per path, and is called once. The first failure fails all.
  Result<std::vector<SecretBytes>> finish(std::vector<Result<StoredSecret>> found) {
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

 private:
  struct Step {
    std::optional<Reference> reference;
    SecretBytes value;  // where there is no reference
  };

  // named gives the reference to look up, or null when the message carries its value.
  static Result<const Reference*> named(const Secret& secret) {
    if (auto good = validate(secret); !good) return std::move(good).error();
    if (secret.reference && !(secret.type == Secret::Type::value)) return &*secret.reference;
    if (secret.value) return nullptr;
    return Error{Code::invalid, "Secret has no value"};
  }

  static Result<SecretBytes> pick(const Reference& reference, Result<StoredSecret> secret) {
    if (!secret) return std::move(secret).error();
    if (!reference.key) return std::move(secret->value);
    return select_key(std::move(secret->value), *reference.key, reference.name);
  }

  std::vector<Path> paths_;
  std::vector<Step> steps_;
};

}  // namespace strongroom
