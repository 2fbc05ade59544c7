// fixture.hpp: stores to test through the C ABI, and words for what is expected of it.
//
// Only the public headers of capi/ may be used here: what a test can not do with them, nobody can.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "strongroom.h"
#include "strongroom_abi.hpp"

namespace capi_test {

// TempDir is a directory of our own, gone with the object.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "strongroom-capi-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Expect is a failed call's error object, looked at and freed.
class Expect {
 public:
  Expect() = default;
  Expect(const Expect&) = delete;
  Expect& operator=(const Expect&) = delete;
  ~Expect() { strongroom_error_free(error_); }

  operator strongroom_error**() { return &error_; }  // NOLINT: implicit by purpose

  // failed tells whether the call failed with this status, and left the same in words.
  ::testing::AssertionResult failed(strongroom_status status, strongroom_status wanted) {
    if (status != wanted) {
      return ::testing::AssertionFailure()
             << strongroom_status_name(status) << " (" << strongroom_error_message(error_)
             << ") instead of " << strongroom_status_name(wanted);
    }
    if (wanted == STRONGROOM_OK && error_ == nullptr) return ::testing::AssertionSuccess();
    if (strongroom_error_status(error_) != wanted || message().empty())
      return ::testing::AssertionFailure() << "the error object said something else: " << message();
    return ::testing::AssertionSuccess();
  }
  std::string message() const { return strongroom_error_message(error_); }

 private:
  strongroom_error* error_ = nullptr;
};

// status_of gives the status with which f fails, or STRONGROOM_OK.
template <typename F>
strongroom_status status_of(F f) {
  try {
    f();
  } catch (const strongroom_abi::Error& error) {
    return error.status();
  }
  return STRONGROOM_OK;
}

// in_child gives the number that f returns in a forked child, or -1.
template <typename F>
int in_child(F f) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(f());
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

// listing is how a whole folder is listed.
inline strongroom_list_options listing(bool recursive, bool visible = false) {
  strongroom_list_options options = STRONGROOM_LIST_OPTIONS_INIT;
  options.recursive = recursive ? 1 : 0;
  options.visible = visible ? 1 : 0;
  return options;
}

inline strongroom_abi::Names list_all(strongroom_abi::Session& session, const std::string& folder) {
  const strongroom_list_options recursive = listing(true);
  return session.list(folder, &recursive);
}

// json_message is a Secret message for C; json must outlive it.
inline strongroom_message json_message(const std::string& json) {
  return {json.data(), json.size(), STRONGROOM_FORMAT_JSON, 0};
}

inline std::string reference_to(const std::string& name) {
  return R"({"type":"REFERENCE","reference":{"name":")" + name + "\"}}";
}

// Tailed is a struct of a later release, with a tail that this library does not know.
template <typename T>
struct Tailed {
  T known;
  std::array<unsigned char, 16> tail{};
};

// as is a handle passed as one of another type.
template <typename T>
T* as(const void* handle) {
  return static_cast<T*>(const_cast<void*>(handle));
}

// Dirt is what outputs hold before a call that fails; nothing of it may be left.
template <typename T>
T* dirt() {
  return reinterpret_cast<T*>(std::uintptr_t{0xD1D1D1D0});
}

// Fresh is a new store, initialised with a key and unsealed, as a trusted caller has it.
struct Fresh {
  explicit Fresh(const std::string& url) : Fresh(strongroom_abi::Store(url)) {}
  explicit Fresh(strongroom_abi::Store opened)
      : store(std::move(opened)), session(store.trusted()) {
    strongroom_init_options options = STRONGROOM_INIT_OPTIONS_INIT;
    options.key = 1;
    const strongroom_abi::Pending pending = session.init_prepare(options);
    key = pending.reveal_key();
    id = pending.store_id();
    session.init_activate(pending);
    session.unseal({key});
  }

  strongroom_abi::Store store;
  strongroom_abi::Session session;
  std::string key;
  std::string id;
};

}  // namespace capi_test
