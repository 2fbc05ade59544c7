// When the library loads libcrypto and Botan. Each test is a process of its own, since nothing is ever unloaded.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "fixture.hpp"
#include "strongroom.h"

namespace capi_test::aes_modules_test {
namespace {

constexpr const char* kLibcrypto = "/strongroom-libcrypto.so";
constexpr const char* kBotan = "/strongroom-botan.so";

bool loaded(std::string_view file) {
  std::ifstream maps("/proc/self/maps");
  const std::string text((std::istreambuf_iterator<char>(maps)), std::istreambuf_iterator<char>());
  return text.find(file) != std::string::npos;
}

// in_child returns whether body returned true in a forked child.
template <typename Body>
bool in_child(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body() ? 0 : 1);
  int status = 0;
  return ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// read_often returns whether a secret of this length was read so often, each time as it was put.
bool read_often(std::size_t len, int times) {
  Fresh fresh("memory:");
  const std::string value(len, 'x');
  fresh.session.put("a/secret", STRONGROOM_CONTENT_TEXT, value);
  for (int i = 0; i < times; ++i) {
    if (fresh.session.get("a/secret").reveal() != value) return false;
  }
  return true;
}

bool has_module(const char* library) {
  return in_child([&] { return strongroom_use_aes_library(library, nullptr) == STRONGROOM_OK; });
}

TEST(AesModules, SmallValuesNeedNoneHoweverManyThereAre) {
  EXPECT_TRUE(
      in_child([] { return read_often(1024, 5000) && !loaded(kLibcrypto) && !loaded(kBotan); }));
}

TEST(AesModules, AFewLargeValuesNeedNone) {
  EXPECT_TRUE(
      in_child([] { return read_often(4096, 10) && !loaded(kLibcrypto) && !loaded(kBotan); }));
}

TEST(AesModules, ManyLargeValuesLoadLibcryptoAndNothingElse) {
  if (!has_module("libcrypto")) GTEST_SKIP() << "built without libcrypto";
  EXPECT_TRUE(
      in_child([] { return read_often(4096, 200) && loaded(kLibcrypto) && !loaded(kBotan); }));
}

TEST(AesModules, AHostsChoiceLoadsNoOther) {
  EXPECT_TRUE(in_child([] {
    return strongroom_use_aes_library("libsodium", nullptr) == STRONGROOM_OK &&
           read_often(4096, 200) && !loaded(kLibcrypto) && !loaded(kBotan);
  }));
}

}  // namespace
}  // namespace capi_test::aes_modules_test
