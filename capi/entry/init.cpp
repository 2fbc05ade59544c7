// init.cpp: prepares and activates new stores.
#include <utility>

#include "guard.hpp"
#include "pending.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/store.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

constexpr std::size_t kMaxEscrowLen = std::size_t{256} << 10;  // the limit for OpenPGP private keys

Result<InitOptions> init_options(const strongroom_init_options& given) {
  if (given.reserved != 0) return Error{Code::invalid, "a reserved field is not 0"};
  InitOptions options;
  STRONGROOM_TRY(read_new_slots(given, options));
  if (given.max_secret_len != 0) options.max_secret_len = given.max_secret_len;
  return options;
}

// keep_escrow keeps the private key next to the new store, after the key opened as many shares as
// the threshold. Otherwise a key that opens too few would be noticed only when it is too late.
Result<void> keep_escrow(const strongroom_session& session, const InitOptions& options,
                         SecretView key, PendingInit& pending) {
  unsigned opened = 0;
  for (const WrappedShare& share : pending.wrapped) {
    if (opened == options.threshold) break;
    auto text = session.caller.unwrap(share.message, key);
    if (!text && text.error().code != Code::denied) return std::move(text).error();
    opened += text ? 1 : 0;
  }
  if (pending.wrapped.empty() || opened < options.threshold) {
    return Error{Code::invalid, "the private key to keep next to the store opens " +
                                    std::to_string(opened) +
                                    " of the shares; wrap at least as many to it as the threshold"};
  }
  STRONGROOM_ASSIGN(copy, SecretBytes::copy_key(key.reveal()));
  pending.escrow = std::move(copy);
  return {};
}

Result<PendingInit> prepare(const strongroom_session& session,
                            const strongroom_init_options* given) {
  if (given == nullptr) return was_null("options");
  STRONGROOM_ASSIGN(read, read_struct(given, STRONGROOM_INIT_OPTIONS_INIT));
  STRONGROOM_ASSIGN(options, init_options(read));
  STRONGROOM_ASSIGN(escrow, secret_of(read.escrow, read.escrow_len, "escrow"));
  if (escrow.size() > kMaxEscrowLen) {
    return Error{Code::too_large, "the private key to keep is longer than 256 KiB"};
  }
  auto pending = session.caller.init(options);
  if (!pending || escrow.empty()) return pending;
  STRONGROOM_TRY(keep_escrow(session, options, escrow, pending.value()));
  return pending;
}

}  // namespace

strongroom_status strongroom_init_prepare(strongroom_session* session,
                                          const strongroom_init_options* options,
                                          strongroom_pending** out,
                                          strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_pending>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    return give<strongroom_pending>(prepare(*session, options));
  });
}

strongroom_status strongroom_init_activate(strongroom_session* session,
                                           const strongroom_pending* pending,
                                           strongroom_error** out_error) noexcept {
  return in_session(session, out_error, [&](const Session& caller) -> Result<void> {
    STRONGROOM_ASSIGN(
        init, change_of<PendingInit>(pending, "pending is a change of slots, not a new store"));
    return caller.activate(*init);
  });
}
