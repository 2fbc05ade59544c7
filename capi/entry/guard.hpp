// guard.hpp: what every entry point of the C ABI goes through.
//
// guarded is the one place where exceptions become codes; nothing else of capi/ catches what the
// engine throws. The checks here turn what C may hand in (NULL, other handles, short and long
// structs) into Results, so that an entry point reads top to bottom.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

#include "handles.hpp"
#include "strongroom.h"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::capi {

// ---- the guard ----

// fail gives the status, and leaves the words behind where there is memory for them.
inline strongroom_status fail(strongroom_status status, std::string_view message,
                              strongroom_error** out_error) noexcept {
  if (out_error == nullptr) return status;
  try {
    *out_error = new strongroom_error(status, std::string(message));
  } catch (...) {
    *out_error = nullptr;
  }
  return status;
}

// guarded runs body() -> Result<void>.
template <typename F>
strongroom_status guarded(strongroom_error** out_error, F body) noexcept {
  if (out_error != nullptr) *out_error = nullptr;
  try {
    const Result<void> done = body();
    if (done) return STRONGROOM_OK;
    return fail(static_cast<strongroom_status>(done.error().code), done.error().message, out_error);
  } catch (const std::bad_alloc&) {
    return fail(STRONGROOM_UNAVAILABLE, "memory ran out", out_error);
  } catch (const std::exception& broken) {
    // Not what(): nobody promised that it quotes no secret.
    return fail(STRONGROOM_INTERNAL, typeid(broken).name(), out_error);
  } catch (...) {
    return fail(STRONGROOM_INTERNAL, "something unknown was thrown", out_error);
  }
}

// deliver runs body() -> Result<std::unique_ptr<T>> and hands the handle out.
template <typename T, typename F>
strongroom_status deliver(T** out, strongroom_error** out_error, F body) noexcept {
  if (out != nullptr) *out = nullptr;
  return guarded(out_error, [&]() -> Result<void> {
    if (out == nullptr) return Error{Code::invalid, "out was NULL"};
    Result<std::unique_ptr<T>> made = body();
    STRONGROOM_TRY(made);
    *out = made->release();
    return {};
  });
}

// give is what a body returns: a new handle, or why there is none.
template <typename T, typename From>
Result<std::unique_ptr<T>> give(Result<From> made) {
  STRONGROOM_TRY(made);
  return std::make_unique<T>(std::move(made).value());
}

// ---- handles ----

// check_type refuses NULL and handles of other types.
template <typename T>
Result<void> check_type(const T* handle, const char* name) {
  if (T::is(handle)) return {};
  return Error{Code::invalid, std::string(name) + " was NULL or another handle"};
}

// no_item is the error of an index past the end.
inline Error no_item(const char* name, std::size_t index, std::size_t size) {
  return {Code::not_found, "there is no number " + std::to_string(index) + " in " + name +
                               ", which has " + std::to_string(size)};
}

// check_handle refuses NULL, other types, and use after fork.
template <typename T>
Result<void> check_handle(const T* handle, const char* name) {
  STRONGROOM_TRY(check_type(handle, name));
  if constexpr (requires { handle->guard; }) {
    if (!handle->guard.same_process()) {
      return Error{Code::sealed, std::string("this ") + name +
                                     " belongs to the parent process; open the store again"};
    }
  }
  return {};
}

// in_session runs f(const Session&) -> Result<void>.
template <typename F>
strongroom_status in_session(const strongroom_session* session, strongroom_error** out_error,
                             F f) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    STRONGROOM_TRY(check_handle(session, "session"));
    return f(session->caller);
  });
}

// peek returns f(handle), or otherwise when this is no such handle. f must not throw.
template <typename T, typename R, typename F>
R peek(const T* handle, R otherwise, F f) noexcept {
  return T::is(handle) ? f(*handle) : otherwise;
}

// size_of is how many things a handle has; 0 where it is no such handle.
template <typename T, typename F>
size_t size_of(const T* handle, F things) noexcept {
  return peek(handle, size_t{0}, [&](const T& each) { return things(each).size(); });
}

template <typename T>
void release(T* handle) noexcept {
  if (T::is(handle)) delete handle;
}

// ---- inputs ----

inline Error was_null(const char* name) {
  return {Code::invalid, std::string(name) + " was NULL"};
}

inline Result<std::string_view> text_of(const char* text, const char* name) {
  if (text == nullptr) return was_null(name);
  return std::string_view(text);
}

inline Result<std::span<const std::uint8_t>> bytes_of(const void* data, std::size_t len,
                                                      const char* name) {
  if (data == nullptr && len > 0) return was_null(name);
  if (len > PTRDIFF_MAX) return Error{Code::invalid, std::string(name) + " was impossibly long"};
  return std::span(static_cast<const std::uint8_t*>(data), len);
}

// secret_of looks at secret bytes, which stay the caller's.
inline Result<SecretView> secret_of(const void* data, std::size_t len, const char* name) {
  STRONGROOM_ASSIGN(bytes, bytes_of(data, len, name));
  return SecretView(bytes);
}

// flag_of takes 0 or 1.
inline Result<bool> flag_of(std::uint32_t flag, const char* name) {
  if (flag > 1) return Error{Code::invalid, std::string(name) + " was neither 0 nor 1"};
  return flag == 1;
}

inline Result<std::string_view> path_of(const char* path) {
  return text_of(path, "path");
}

// ---- growing structs ----

// A struct_size beyond this is no size but garbage, and is not followed.
inline constexpr std::size_t kMaxStructLen = 4096;

template <typename T>
Result<std::size_t> struct_size_of(const T* given) {
  std::size_t size = 0;
  std::memcpy(&size, given, sizeof size);
  if (size < sizeof size || size > kMaxStructLen) {
    return Error{Code::invalid, "a struct_size of " + std::to_string(size) + " was given"};
  }
  return size;
}

// read_struct copies what the caller has of a growing struct over the defaults.
// Errors  invalid: struct_size, or something is asked for that this library does not know.
template <typename T>
Result<T> read_struct(const T* given, T defaults) {
  if (given == nullptr) return defaults;
  auto size = struct_size_of(given);
  STRONGROOM_TRY(size);
  // Half a field, such as half a pointer, is none.
  if (size.value() % alignof(T) != 0) {
    return Error{Code::invalid, "a struct_size of " + std::to_string(size.value()) +
                                    " was given, which is that of no struct"};
  }
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  const std::size_t known = std::min(size.value(), sizeof(T));
  if (std::any_of(bytes + known, bytes + size.value(), [](unsigned char b) { return b != 0; })) {
    return Error{Code::invalid, "an option was set that this library does not know"};
  }
  std::memcpy(&defaults, bytes, known);
  defaults.struct_size = sizeof(T);
  return defaults;
}

// write_struct fills as much as the caller has room for, and clears the rest.
// Errors  invalid: NULL or struct_size; nothing is written then.
template <typename T>
Result<void> write_struct(T* out, T filled) {
  if (out == nullptr) return was_null("out");
  auto size = struct_size_of(out);
  STRONGROOM_TRY(size);
  filled.struct_size = size.value();
  std::memset(out, 0, size.value());
  std::memcpy(out, &filled, std::min(size.value(), sizeof(T)));
  return {};
}

// clear_struct does so with an output that may be NULL. Errors  invalid: struct_size.
template <typename T>
Result<void> clear_struct(T* out, T cleared) {
  return out == nullptr ? Result<void>() : write_struct(out, cleared);
}

// describe fills out with f(const Handle&) -> Result<Struct>, for a handle of the type.
template <typename T, typename Struct, typename F>
strongroom_status describe(const T* handle, const char* name, Struct* out, Struct cleared,
                           strongroom_error** out_error, F f) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    STRONGROOM_TRY(write_struct(out, cleared));
    STRONGROOM_TRY(check_type(handle, name));
    Result<Struct> filled = f(*handle);
    STRONGROOM_TRY(filled);
    return write_struct(out, filled.value());
  });
}

// item_at fills out with fill(thing, Struct&), of number index of things(handle).
template <typename T, typename Struct, typename Things, typename Fill>
strongroom_status item_at(const T* handle, const char* name, std::size_t index, Struct* out,
                          Struct cleared, strongroom_error** out_error, Things things,
                          Fill fill) noexcept {
  return describe(handle, name, out, cleared, out_error, [&](const T& each) -> Result<Struct> {
    const auto& all = things(each);
    if (index >= all.size()) return no_item(name, index, all.size());
    Struct filled = cleared;
    fill(all[index], filled);
    return filled;
  });
}

// ---- outputs ----

// give_number writes a number where the caller wants it.
template <typename T>
void give_number(T* out, T number) noexcept {
  if (out != nullptr) *out = number;
}

// lend gives borrowed bytes in the form of pointer and length; NULL when there are none.
inline const std::uint8_t* lend(std::span<const std::uint8_t> bytes,
                                std::size_t* out_len) noexcept {
  if (out_len == nullptr) return nullptr;
  *out_len = bytes.size();
  return bytes.empty() ? nullptr : bytes.data();
}

}  // namespace strongroom::capi
