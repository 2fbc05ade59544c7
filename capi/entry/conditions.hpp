// conditions.hpp: what must hold for a write, as C says it.
#pragma once

#include "guard.hpp"
#include "strongroom.h"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"

namespace strongroom::capi {

inline Result<Condition> condition_of(const strongroom_put_options* given) {
  STRONGROOM_ASSIGN(read, read_struct(given, STRONGROOM_PUT_OPTIONS_INIT));
  if (read.reserved != 0 || read.condition > STRONGROOM_CONDITION_REVISION)
    return Error{Code::invalid, "an unknown condition was given"};
  if ((read.condition == STRONGROOM_CONDITION_REVISION) != (read.revision != 0))
    return Error{Code::invalid, "a revision, from 1, belongs to the condition of a revision alone"};
  return Condition{static_cast<Condition::Kind>(read.condition), Revision(read.revision)};
}

}  // namespace strongroom::capi
