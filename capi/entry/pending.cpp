// pending.cpp: what is handed out before a new store, or a change of slots, is activated.
#include "guard.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "wrapped.hpp"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

// handed gives a field of the handout.
template <typename R, typename F>
R handed(const strongroom_pending* pending, R otherwise, F field) noexcept {
  return peek(pending, otherwise,
              [&](const strongroom_pending& each) { return field(each.handout()); });
}

}  // namespace

const char* strongroom_pending_store_id(const strongroom_pending* pending) noexcept {
  return peek(pending, static_cast<const char*>(nullptr),
              [](const strongroom_pending& each) { return each.id.c_str(); });
}

size_t strongroom_pending_num_shares(const strongroom_pending* pending) noexcept {
  return handed(pending, size_t{0}, [](const Handout& handout) { return handout.shares.size(); });
}

const uint8_t* strongroom_pending_share(const strongroom_pending* pending, size_t index,
                                        size_t* out_len) noexcept {
  lend({}, out_len);
  return handed(pending, static_cast<const uint8_t*>(nullptr), [&](const Handout& handout) {
    const bool there = index < handout.shares.size() && pending->guard.same_process();
    return there ? lend(handout.shares[index].reveal(), out_len) : nullptr;
  });
}

const uint8_t* strongroom_pending_key_file(const strongroom_pending* pending,
                                           size_t* out_len) noexcept {
  lend({}, out_len);
  return handed(pending, static_cast<const uint8_t*>(nullptr), [&](const Handout& handout) {
    return pending->guard.same_process() ? lend(handout.key_file.reveal(), out_len) : nullptr;
  });
}

size_t strongroom_pending_num_wrapped(const strongroom_pending* pending) noexcept {
  return handed(pending, size_t{0}, [](const Handout& handout) { return handout.wrapped.size(); });
}

strongroom_status strongroom_pending_wrapped(const strongroom_pending* pending, size_t index,
                                             strongroom_wrapped_share* out_share) noexcept {
  return guarded(nullptr, [&]() -> Result<void> {
    return lend_wrapped(out_share, [&]() -> Result<const WrappedShare*> {
      STRONGROOM_TRY(check_handle(pending, "pending"));
      return wrapped_at(pending->handout().wrapped, index);
    });
  });
}

void strongroom_pending_free(strongroom_pending* pending) noexcept {
  release(pending);
}
