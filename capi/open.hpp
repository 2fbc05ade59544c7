// open.hpp: what both ways of opening a store share.
#pragma once

#include "strongroom.h"
#include "strongroom/result.hpp"
#include "strongroom/store.hpp"

namespace strongroom::capi {

// store_options reads the caller's options; NULL means the defaults.
// Errors  invalid.
Result<StoreOptions> store_options(const strongroom_store_options* given);

}  // namespace strongroom::capi
