// descriptors_test.cpp: a program that the host starts inherits no descriptor of a store, whichever storage
// it is in: neither ours nor those that a library beneath us opens.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#if STRONGROOM_HAVE_ZOOKEEPER
#include "one_zookeeper.hpp"
#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#endif
#include "strongroom/store.hpp"
#include "tests/support/barrier_fixture.hpp"
#include "tests/support/inherited.hpp"

namespace strongroom::descriptors_test {
namespace {

using testing::inherited;
using testing::path;
using testing::secret;

const Identity kTrusted = Identity::trusted();

class Descriptors : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string kind = GetParam();
    if (kind == "memory") url_ = "memory:";
    if (kind == "lmdb") {
      std::string name = std::filesystem::temp_directory_path() / "strongroom-fds-XXXXXX";
      ASSERT_NE(::mkdtemp(name.data()), nullptr);
      directory_ = name;
      url_ = "lmdb:" + name + "/store";
    }
#if STRONGROOM_HAVE_ZOOKEEPER
    if (kind == "zookeeper") {
      const std::string server = conformance::one_zookeeper();
      if (!server.empty()) url_ = "zk://" + server + "/descriptors?access=world";
    }
#endif
    if (url_.empty()) GTEST_SKIP() << "there is no such storage here";
  }
  void TearDown() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  std::string url_;
  std::filesystem::path directory_;
};

INSTANTIATE_TEST_SUITE_P(Storages, Descriptors, ::testing::Values("memory", "lmdb", "zookeeper"),
                         [](const auto& each) { return std::string(each.param); });

// So that the test below cannot pass because nothing is ever seen.
TEST(Inherited, SeesADescriptorThatIsNotClosed) {
  const int fd = ::open("/etc/passwd", O_RDONLY);
  ASSERT_GE(fd, 3);
  EXPECT_TRUE(inherited().contains("/etc/passwd"));
  ASSERT_EQ(::fcntl(fd, F_SETFD, FD_CLOEXEC), 0);
  EXPECT_FALSE(inherited().contains("/etc/passwd"));
  ::close(fd);
}

TEST_P(Descriptors, NoneOfAStoreSurvivesAnExec) {
  const auto before = inherited();
  auto opened = Store::open(url_);
  if (!opened && opened.error().code == Code::unsupported) GTEST_SKIP() << opened.error().message;
  ASSERT_TRUE(opened) << opened.error().message;
  Store& store = *opened;
  EXPECT_EQ(inherited(), before) << "after open";
  const PendingInit pending = store.as(kTrusted).init({.key_file = true}).value();
  ASSERT_TRUE(store.as(kTrusted).activate(pending));
  const Credential key = Credential::parse(pending.key_file.view()).value();
  ASSERT_TRUE(store.as(kTrusted).unseal(std::span(&key, 1)));
  EXPECT_EQ(inherited(), before) << "after unseal";
  const std::string large(300'000, 'x');  // several nodes, or pages, or libcrypto's turn
  ASSERT_TRUE(store.as(kTrusted).put(path("a/large"), Content::text, secret(large).view()));
  ASSERT_TRUE(store.as(kTrusted).put(path("a/small"), Content::text, secret("v").view()));
  ASSERT_TRUE(store.as(kTrusted).get(path("a/large")));
  ASSERT_TRUE(store.as(kTrusted).list(path("a")));
  EXPECT_EQ(inherited(), before) << "after writing and reading";
  auto again = Store::open(url_);
  ASSERT_TRUE(again);
  EXPECT_EQ(inherited(), before) << "after opening it twice";
}

}  // namespace
}  // namespace strongroom::descriptors_test
