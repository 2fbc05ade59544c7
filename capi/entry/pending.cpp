// pending.cpp: hands out the credentials of a new store or of a change of slots before activation.
#include "pending.hpp"

#include "guard.hpp"
#include "strongroom/impl/base/propagate.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

std::size_t num_credentials(const Handout& handout) noexcept {
  return handout.shares.size() + handout.wrapped.size() + (handout.key_file.size() > 0 ? 1 : 0);
}

strongroom_credential secret_credential(std::uint32_t kind, const SecretBytes& text) noexcept {
  strongroom_credential filled = STRONGROOM_CREDENTIAL_INIT;
  filled.kind = kind;
  filled.data = lend(text.reveal(), &filled.len);
  return filled;
}

// credential_of returns credential number index: first the shares, then the wrapped shares, then
// the key.
Result<strongroom_credential> credential_of(const strongroom_pending& pending, std::size_t index) {
  const Handout& handout = pending.handout();
  const std::size_t num_shares = handout.shares.size();
  if (index >= num_credentials(handout)) return no_item("pending", index, num_credentials(handout));
  const bool wrapped = index >= num_shares && index - num_shares < handout.wrapped.size();
  if (wrapped) return wrapped_credential(handout.wrapped[index - num_shares]);
  STRONGROOM_TRY(check_handle(&pending, "pending"));  // a child does not have its parent's secrets
  if (index < num_shares)
    return secret_credential(STRONGROOM_CREDENTIAL_SHARE, handout.shares[index]);
  return secret_credential(STRONGROOM_CREDENTIAL_KEY, handout.key_file);
}

}  // namespace

strongroom_status strongroom_pending_describe(const strongroom_pending* pending,
                                              strongroom_pending_info* out_info,
                                              strongroom_error** out_error) noexcept {
  return describe(pending, "pending", out_info,
                  strongroom_pending_info STRONGROOM_PENDING_INFO_INIT, out_error,
                  [](const strongroom_pending& each) -> Result<strongroom_pending_info> {
                    strongroom_pending_info info = STRONGROOM_PENDING_INFO_INIT;
                    info.store_id = each.id.c_str();
                    info.num_credentials = num_credentials(each.handout());
                    return info;
                  });
}

strongroom_status strongroom_pending_at(const strongroom_pending* pending, size_t index,
                                        strongroom_credential* out_credential,
                                        strongroom_error** out_error) noexcept {
  return describe(pending, "pending", out_credential,
                  strongroom_credential STRONGROOM_CREDENTIAL_INIT, out_error,
                  [&](const strongroom_pending& each) { return credential_of(each, index); });
}

void strongroom_pending_free(strongroom_pending* pending) noexcept {
  release(pending);
}
