// guard.hpp: the guard around every entry point of the C ABI, and the checks of its arguments.
//
// guarded is the one place where exceptions become codes; nothing else in capi/ catches exceptions
// of the engine. The checks here turn wrong arguments (NULL, handles of other types, structs that
// are too short or too long) into Results, so that an entry point reads top to bottom.
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
#include "strongroom/path.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::capi {

// ---- the guard ----

// as_message returns a message as C and UTF-8 take it: it may quote names that are neither.
inline std::string as_message(std::string_view message) {
  const bool utf8 = well_formed_utf8(message);
  std::string text(message);
  for (char& c : text) {
    const bool beyond = static_cast<unsigned char>(c) >= 0x80;
    if (c == '\0' || (beyond && !utf8)) c = '?';
  }
  return text;
}

// fail returns the status, and creates the error object if there is memory for it.
inline strongroom_status fail(strongroom_status status, std::string_view message,
                              strongroom_error** out_error) noexcept {
  if (out_error == nullptr) return status;
  try {
    *out_error = new strongroom_error(status, as_message(message));
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
    // The name of the type, not what(): what() may quote a secret.
    return fail(STRONGROOM_INTERNAL, typeid(broken).name(), out_error);
  } catch (...) {
    return fail(STRONGROOM_INTERNAL, "an exception of an unknown type was thrown", out_error);
  }
}

// deliver runs body() -> Result<std::unique_ptr<T>> and stores the new handle in out.
template <typename T, typename F>
strongroom_status deliver(T** out, strongroom_error** out_error, F body) noexcept {
  if (out != nullptr) *out = nullptr;
  return guarded(out_error, [&]() -> Result<void> {
    if (out == nullptr) return Error{Code::invalid, "out is NULL"};
    Result<std::unique_ptr<T>> made = body();
    STRONGROOM_TRY(made);
    *out = made->release();
    return {};
  });
}

// give makes the return value of a body: a new handle, or the error that prevents it.
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
  return Error{Code::invalid, std::string(name) + " is NULL or a handle of another type"};
}

// no_item returns the error for an index past the end.
inline Error no_item(const char* name, std::size_t index, std::size_t size) {
  return {Code::not_found, "index " + std::to_string(index) + " is past the end of " + name +
                               ", which has " + std::to_string(size)};
}

// check_handle refuses NULL, handles of other types, and handles from before a fork.
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

// peek returns f(handle), or `otherwise` if handle is NULL or of another type. f must not throw.
template <typename T, typename R, typename F>
R peek(const T* handle, R otherwise, F f) noexcept {
  return T::is(handle) ? f(*handle) : otherwise;
}

// size_of returns the number of things in a handle; 0 if handle is NULL or of another type.
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
  return {Code::invalid, std::string(name) + " is NULL"};
}

inline Result<std::string_view> text_of(const char* text, const char* name) {
  if (text == nullptr) return was_null(name);
  return std::string_view(text);
}

inline Result<std::span<const std::uint8_t>> bytes_of(const void* data, std::size_t len,
                                                      const char* name) {
  if (data == nullptr && len > 0) return was_null(name);
  if (len > PTRDIFF_MAX)
    return Error{Code::invalid, std::string(name) + " has an impossible length"};
  return std::span(static_cast<const std::uint8_t*>(data), len);
}

// secret_of returns a view of the caller's secret bytes; it copies nothing.
inline Result<SecretView> secret_of(const void* data, std::size_t len, const char* name) {
  STRONGROOM_ASSIGN(bytes, bytes_of(data, len, name));
  return SecretView(bytes);
}

// flag_of accepts 0 or 1.
inline Result<bool> flag_of(std::uint32_t flag, const char* name) {
  if (flag > 1) return Error{Code::invalid, std::string(name) + " must be 0 or 1"};
  return flag == 1;
}

inline Result<std::string_view> path_of(const char* path) {
  return text_of(path, "path");
}

// ---- growing structs ----

// A larger struct_size is taken for garbage, and no other byte of the struct is read or written.
inline constexpr std::size_t kMaxStructLen = 4096;

template <typename T>
Result<std::size_t> struct_size_of(const T* given) {
  std::size_t size = 0;
  std::memcpy(&size, given, sizeof size);
  if (size < sizeof size || size > kMaxStructLen) {
    return Error{Code::invalid,
                 "struct_size is " + std::to_string(size) + "; set it with the _INIT macro"};
  }
  return size;
}

// read_struct returns a growing struct: the fields that the caller's struct has, and the defaults
// for the others. NULL means the defaults.
// Errors  invalid: struct_size, or a field that this library does not know is not zero.
template <typename T>
Result<T> read_struct(const T* given, T defaults) {
  if (given == nullptr) return defaults;
  auto size = struct_size_of(given);
  STRONGROOM_TRY(size);
  // Such a size would end inside a field, for example a pointer.
  if (size.value() % alignof(T) != 0) {
    return Error{Code::invalid, "struct_size is " + std::to_string(size.value()) +
                                    ", which no struct has; set it with the _INIT macro"};
  }
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  const std::size_t known = std::min(size.value(), sizeof(T));
  if (std::any_of(bytes + known, bytes + size.value(), [](unsigned char b) { return b != 0; })) {
    return Error{Code::invalid, "an option is set that this library does not know"};
  }
  std::memcpy(&defaults, bytes, known);
  defaults.struct_size = sizeof(T);
  return defaults;
}

// write_struct fills the caller's struct as far as its size allows, and sets the rest of it to
// zero.
// Errors  invalid: NULL or struct_size; then nothing is written.
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

// clear_struct does the same for an output that may be NULL. Errors  invalid: struct_size.
template <typename T>
Result<void> clear_struct(T* out, T cleared) {
  return out == nullptr ? Result<void>() : write_struct(out, cleared);
}

// describe checks the type of the handle and fills out with f(const T&) -> Result<Struct>. If
// either fails, out is cleared.
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

// item_at fills out with fill(thing, Struct&), where thing has number index in things(handle).
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

// give_number stores a number in out, unless out is NULL.
template <typename T>
void give_number(T* out, T number) noexcept {
  if (out != nullptr) *out = number;
}

// lend returns borrowed bytes as a pointer and a length. The pointer is NULL if there are no bytes,
// or if out_len is NULL.
inline const std::uint8_t* lend(std::span<const std::uint8_t> bytes,
                                std::size_t* out_len) noexcept {
  if (out_len == nullptr) return nullptr;
  *out_len = bytes.size();
  return bytes.empty() ? nullptr : bytes.data();
}

}  // namespace strongroom::capi
