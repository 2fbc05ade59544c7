// batch.hpp: builds batch handles: several secrets, each with its own status and message.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "handles.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/result.hpp"

namespace strongroom::capi {

// The limit of paths or messages in one call.
inline constexpr std::size_t kMaxBatch = 1000;

inline strongroom_batch::Item batch_item(Result<StoredSecret> secret) {
  if (secret) return {STRONGROOM_OK, {}, strongroom_secret(std::move(secret).value())};
  return {
      static_cast<strongroom_status>(secret.error().code), std::move(secret).error().message, {}};
}

inline strongroom_batch::Item batch_item(SecretBytes value) {
  return {STRONGROOM_OK, {}, strongroom_secret(std::move(value))};
}

template <typename T>
std::unique_ptr<strongroom_batch> batch_of(std::vector<T> secrets) {
  auto batch = std::make_unique<strongroom_batch>();
  batch->items.reserve(secrets.size());
  for (T& each : secrets) batch->items.push_back(batch_item(std::move(each)));
  return batch;
}

// batch_or_why returns batch_of(secrets), or the error if the call failed as a whole.
template <typename T>
Result<std::unique_ptr<strongroom_batch>> batch_or_why(Result<std::vector<T>> secrets) {
  STRONGROOM_TRY(secrets);
  return batch_of(std::move(secrets).value());
}

}  // namespace strongroom::capi
