// result.hpp: what every fallible function of strongroom returns.
//
// A Result<T> is either a T or an Error. Results must be looked at: dropping one is a compiler
// warning, and reading the value of a failed one is a programming mistake that asserts.
// An Error never carries secret bytes: its message names only paths, sizes and codes.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace strongroom {

// Code says what a caller can do about a failure. The numbers are those of the C ABI, and of the
// command line's exit status minus 10. They never change their meaning.
enum class Code : std::int32_t {
  invalid = 1,          // the input is outside the rules; correct it
  not_found = 2,        // nothing is stored there
  already_exists = 3,   // create-only met a secret
  denied = 4,           // the caller is not allowed to, or the credential is wrong
  sealed = 5,           // no keys are loaded; unseal
  not_initialized = 6,  // there is no store yet; init
  conflict = 7,         // somebody else changed it first; read again
  indeterminate = 8,    // the outcome could not be known in time; read back
  too_large = 9,        // over a stated limit
  corrupt = 10,         // what is stored did not authenticate
  rollback = 11,        // what is stored is older than what was already seen
  unavailable = 12,     // storage or memory trouble; try later or make room
  timeout = 13,         // the deadline passed and nothing was changed
  unsupported = 14,     // a newer format, or a part that is not built in
  internal = 15,        // a mistake of ours; please report it
};

// to_string returns the code's name as the documentation spells it.
constexpr std::string_view to_string(Code code) noexcept {
  switch (code) {
    case Code::invalid:
      return "invalid";
    case Code::not_found:
      return "not_found";
    case Code::already_exists:
      return "already_exists";
    case Code::denied:
      return "denied";
    case Code::sealed:
      return "sealed";
    case Code::not_initialized:
      return "not_initialized";
    case Code::conflict:
      return "conflict";
    case Code::indeterminate:
      return "indeterminate";
    case Code::too_large:
      return "too_large";
    case Code::corrupt:
      return "corrupt";
    case Code::rollback:
      return "rollback";
    case Code::unavailable:
      return "unavailable";
    case Code::timeout:
      return "timeout";
    case Code::unsupported:
      return "unsupported";
    case Code::internal:
      return "internal";
  }
  return "unknown";
}

// Error is a code for the program and a sentence for the operator.
struct Error {
  Code code = Code::internal;
  std::string message;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  // Result(in_place) holds a fresh T, to be filled in place.
  explicit Result(std::in_place_t) : state_(std::in_place_index<0>) {}

  // Moving is written out, since std::variant would go through a function that it does not inline.
  Result(Result&& other) noexcept(std::is_nothrow_move_constructible_v<T>)
      : state_(other.ok() ? State(std::in_place_index<0>, std::move(other.value()))
                          : State(std::in_place_index<1>, std::move(other.error()))) {}
  Result(const Result&) = default;
  Result& operator=(Result&&) = default;
  Result& operator=(const Result&) = default;

  explicit operator bool() const noexcept { return state_.index() == 0; }
  bool ok() const noexcept { return state_.index() == 0; }

  T& value() & noexcept { return *checked(std::get_if<0>(&state_)); }
  const T& value() const& noexcept { return *checked(std::get_if<0>(&state_)); }
  T&& value() && noexcept { return std::move(*checked(std::get_if<0>(&state_))); }
  Error& error() & noexcept { return *checked(std::get_if<1>(&state_)); }
  const Error& error() const& noexcept { return *checked(std::get_if<1>(&state_)); }
  Error&& error() && noexcept { return std::move(*checked(std::get_if<1>(&state_))); }

  T& operator*() noexcept { return value(); }
  const T& operator*() const noexcept { return value(); }
  T* operator->() noexcept { return &value(); }
  const T* operator->() const noexcept { return &value(); }

 private:
  using State = std::variant<T, Error>;

  template <typename P>
  static P checked(P pointer) noexcept {
    assert(pointer != nullptr);
    return pointer;
  }

  State state_;
};

// Result<void> is success or an Error. `return {};` is success.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  explicit operator bool() const noexcept { return !error_.has_value(); }
  bool ok() const noexcept { return !error_.has_value(); }

  Error& error() & noexcept { return (assert(error_.has_value()), *error_); }
  const Error& error() const& noexcept { return (assert(error_.has_value()), *error_); }
  Error&& error() && noexcept { return (assert(error_.has_value()), std::move(*error_)); }

 private:
  std::optional<Error> error_;
};

}  // namespace strongroom
