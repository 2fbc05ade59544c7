// names.hpp: makes a handle of a list of names.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "guard.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"

namespace strongroom::capi {

inline Result<std::unique_ptr<strongroom_names>> names_of(Result<std::vector<Entry>> entries) {
  STRONGROOM_TRY(entries);
  return std::make_unique<strongroom_names>(ListPage{std::move(entries).value(), {}});
}

}  // namespace strongroom::capi
