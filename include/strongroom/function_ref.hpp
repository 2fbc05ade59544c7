// function_ref.hpp: a borrowed callable, for callbacks that live no longer than the call.
//
// std::function owns its callable and may allocate. The callbacks that the stages pass to each other
// are neither kept nor shared, so they need neither.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace strongroom {

template <typename Signature>
class FunctionRef;

template <typename R, typename... Args>
class FunctionRef<R(Args...)> {
 public:
  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>) FunctionRef(F&& callable)
  noexcept  // NOLINT: implicit, so that lambdas pass as they are
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(std::forward<Args>(args)...);
        }) {}

  R operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

}  // namespace strongroom
