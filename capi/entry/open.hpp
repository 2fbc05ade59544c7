// open.hpp: options that both ways of opening a store share.
#pragma once

#include "strongroom.h"
#include "strongroom/result.hpp"
#include "strongroom/store.hpp"
#include "strongroom/zk_auth.hpp"

namespace strongroom::capi {

// store_options reads the caller's options; NULL means the defaults.
// Errors  invalid.
Result<StoreOptions> store_options(const strongroom_store_options* given);

// zk_auth_of reads user:password from memory or from a file; null if neither is given.
// Errors  invalid: both are given.  Those of zk_auth.hpp.
Result<ZkAuth> zk_auth_of(const void* auth, std::size_t len, const char* file);

}  // namespace strongroom::capi
