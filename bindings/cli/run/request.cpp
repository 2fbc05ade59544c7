// request.cpp: what the store is asked for; see request.hpp.
#include "run/request.hpp"

#include <cstddef>
#include <utility>

namespace strongroom_cli {
namespace {

template <typename T>
bool same_values(const std::optional<T>& one, const std::optional<T>& other) {
  if (!one || !other) return !one && !other;
  if (one->size() != other->size()) return false;
  for (std::size_t i = 0; i < one->size(); ++i) {
    if (one->reveal_value(i) != other->reveal_value(i)) return false;
  }
  return true;
}

}  // namespace

bool same(const Resolved& one, const Resolved& other) {
  return same_values(one.variables, other.variables) && same_values(one.volumes, other.volumes);
}

Request::Request(const Options& options, std::optional<strongroom_abi::Secret> environment,
                 std::optional<strongroom_abi::Secret> volumes, const Definition* definition)
    : environment_(std::move(environment)), volumes_(std::move(volumes)), definition_(definition) {
  if (!environment_ && !volumes_ && definition_ == nullptr) return;
  options.check_store();
  access_.emplace(open_unsealed(options));
  if (definition_ != nullptr) service_.emplace(definition_->service(access_->store));
}

Resolved Request::resolve() {
  Resolved resolved;
  if (definition_ != nullptr) {
    strongroom_abi::ResolvedTask task = service_->resolve(definition_->task());
    resolved.variables.emplace(std::move(task.environment));
    if (definition_->has_volumes()) resolved.volumes.emplace(std::move(task.volumes));
    return resolved;
  }
  strongroom_abi::Session* const session = access_ ? &access_->session : nullptr;
  if (environment_) {
    resolved.variables.emplace(
        session->resolve_environment(STRONGROOM_FORMAT_JSON, environment_->reveal()));
  }
  if (volumes_) {
    resolved.volumes.emplace(session->resolve_volumes(STRONGROOM_FORMAT_JSON, volumes_->reveal()));
  }
  return resolved;
}

void Request::check_pull_secret() {
  if (definition_ == nullptr || definition_->task().describe().has_pull_config == 0) return;
  service_->authorization(definition_->task());
}

void Request::close() noexcept {
  environment_.reset();
  volumes_.reset();
  service_.reset();
  access_.reset();
}

}  // namespace strongroom_cli
