// propagate.hpp: the two macros that pass an error on to the caller. They are internal: no public header
// has them, and src.hpp and src_policy_tools.hpp undefine them. One file may include both, so this header
// has no #pragma once: when it is included again, it defines them again.
//
//   STRONGROOM_TRY(barrier.refresh());                 // returns the error, if there is one
//   STRONGROOM_ASSIGN(index, records.index());         // likewise; else index is the value, an lvalue
//
// Both are whole statements, for functions whose result type an Error converts to. Where the Result
// itself is needed later, pass it to TRY: `STRONGROOM_TRY(found);`.
#include <utility>

#ifndef STRONGROOM_TRY

#define STRONGROOM_TRY(...)                                         \
  do {                                                              \
    if (auto&& strongroom_tried = (__VA_ARGS__); !strongroom_tried) \
      return std::move(strongroom_tried).error();                   \
  } while (false)

#define STRONGROOM_ASSIGN(name, ...)                               \
  auto name##_or_error = (__VA_ARGS__);                            \
  if (!name##_or_error) return std::move(name##_or_error).error(); \
  auto& name = name##_or_error.value()

#endif
