// progress.hpp: how far a round of shares is, as C sees it.
#pragma once

#include "strongroom.h"
#include "strongroom/slots.hpp"

namespace strongroom::capi {

inline strongroom_unseal_progress progress_of(const UnsealProgress& seen) noexcept {
  strongroom_unseal_progress progress = STRONGROOM_UNSEAL_PROGRESS_INIT;
  progress.unsealed = seen.unsealed ? 1 : 0;
  progress.progress = seen.progress;
  progress.threshold = seen.threshold;
  progress.shares = seen.shares;
  return progress;
}

}  // namespace strongroom::capi
