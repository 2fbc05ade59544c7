// propagate.hpp: the two macros that hand an error on to the caller. Of the inside: no public header has them,
// and src.hpp undefines them.
//
//   STRONGROOM_TRY(barrier.refresh());                 // returns the error, if it is one
//   STRONGROOM_ASSIGN(index, records.index());         // or else index is the value, as an lvalue
//
// Both are whole statements, of a function whose result an Error converts to. Where the value stays in a
// Result that is needed later, TRY takes that: `STRONGROOM_TRY(found);`.
#pragma once

#include <utility>

#define STRONGROOM_TRY(...)                                         \
  do {                                                              \
    if (auto&& strongroom_tried = (__VA_ARGS__); !strongroom_tried) \
      return std::move(strongroom_tried).error();                   \
  } while (false)

#define STRONGROOM_ASSIGN(name, ...)                               \
  auto name##_or_error = (__VA_ARGS__);                            \
  if (!name##_or_error) return std::move(name##_or_error).error(); \
  auto& name = name##_or_error.value()
