// wrapped.hpp: a wrapped share as C sees it.
#pragma once

#include "guard.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/openpgp.hpp"

namespace strongroom::capi {

// lend_wrapped fills out_share with what f() -> const WrappedShare* finds.
// Errors  invalid: struct_size.  not_found.
template <typename F>
Result<void> lend_wrapped(strongroom_wrapped_share* out_share, F f) {
  STRONGROOM_TRY(write_struct(out_share, STRONGROOM_WRAPPED_SHARE_INIT));
  Result<const WrappedShare*> found = f();
  STRONGROOM_TRY(found);
  strongroom_wrapped_share share = STRONGROOM_WRAPPED_SHARE_INIT;
  share.fingerprint = lend(found.value()->fingerprint, &share.fingerprint_len);
  share.message = lend(found.value()->message, &share.message_len);
  return write_struct(out_share, share);
}

// wrapped_at gives one of them. Errors  not_found.
inline Result<const WrappedShare*> wrapped_at(const std::vector<WrappedShare>& shares,
                                              std::size_t index) {
  if (index < shares.size()) return &shares[index];
  return Error{Code::not_found, "there was no such wrapped share"};
}

}  // namespace strongroom::capi
