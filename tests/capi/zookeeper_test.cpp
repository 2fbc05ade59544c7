// zookeeper_test.cpp: what the C ABI asks for before it reaches an ensemble: URLs and credentials.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "fixture.hpp"

namespace capi_test::zookeeper_test {
namespace {

// open_with opens a store, in memory unless told otherwise: credentials are looked at first.
strongroom_status open_with(const strongroom_store_options& options, strongroom_error** error,
                            const char* url = "memory:") {
  strongroom_store* store = nullptr;
  const strongroom_status status = strongroom_store_open(url, &options, &store, error);
  strongroom_store_free(store);
  return status;
}

class ZkAuth : public ::testing::Test {
 protected:
  strongroom_status open_text(const std::string& text, strongroom_error** error = nullptr) {
    strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
    options.zk_auth = text.data();
    options.zk_auth_len = text.size();
    return open_with(options, error);
  }
  strongroom_status open_file(const std::string& name, strongroom_error** error = nullptr) {
    strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
    options.zk_auth_file = name.c_str();
    return open_with(options, error);
  }
  std::string file_of(const std::string& text, mode_t mode = 0600) {
    const std::string name = directory_.path() + "/auth" + std::to_string(num_files_++);
    std::ofstream(name, std::ios::binary) << text;
    EXPECT_EQ(::chmod(name.c_str(), mode), 0);
    return name;
  }

  TempDir directory_;
  int num_files_ = 0;
};

TEST_F(ZkAuth, IsOneLineOfUserAndPassword) {
  for (const char* good : {"user:password", "user:", "u:p:q", "user:pass word", "user:p\n",
                           "user:p\r\n", "us\xc3\xa9r:p"}) {
    EXPECT_EQ(open_text(good), STRONGROOM_OK) << good;
    EXPECT_EQ(open_file(file_of(good)), STRONGROOM_OK) << good;
  }
  for (const std::string& bad :
       {std::string("password"), std::string(":password"), std::string("user:canary\nother:canary"),
        std::string("\n"), std::string("u:canary\0x", 10), std::string("u:canary\n\n"),
        "u:" + std::string(1023, 'x')}) {
    Expect text, file;
    EXPECT_TRUE(text.failed(open_text(bad, text), STRONGROOM_INVALID)) << bad;
    EXPECT_TRUE(file.failed(open_file(file_of(bad), file), STRONGROOM_INVALID)) << bad;
    EXPECT_EQ((text.message() + file.message()).find("canary"), std::string::npos);
  }
  EXPECT_EQ(open_text("u:" + std::string(1022, 'x')), STRONGROOM_OK);
  EXPECT_EQ(open_file(file_of("u:" + std::string(1022, 'x') + "\n")), STRONGROOM_OK);
}

TEST_F(ZkAuth, AFileThatOthersMayReadIsRefused) {
  for (const mode_t mode : {0640u, 0604u, 0660u, 0644u, 0620u}) {
    Expect error;
    EXPECT_TRUE(error.failed(open_file(file_of("u:canary", mode), error), STRONGROOM_DENIED));
    EXPECT_NE(error.message().find("chmod 600"), std::string::npos);
    EXPECT_EQ(error.message().find("canary"), std::string::npos);
  }
  EXPECT_EQ(open_file(file_of("u:p", 0400)), STRONGROOM_OK);
}

TEST_F(ZkAuth, AFileOfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "nobody but root can give a file away";
  const std::string name = file_of("u:p");
  ASSERT_EQ(::chown(name.c_str(), 65534, 65534), 0);
  Expect error;
  EXPECT_TRUE(error.failed(open_file(name, error), STRONGROOM_DENIED));
}

TEST_F(ZkAuth, WhatIsNoFileIsRefusedAndNotWaitedFor) {
  EXPECT_EQ(open_file(directory_.path()), STRONGROOM_INVALID);
  EXPECT_EQ(open_file(directory_.path() + "/absent"), STRONGROOM_INVALID);
  EXPECT_EQ(open_file(""), STRONGROOM_INVALID);
  const std::string pipe = directory_.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(open_file(pipe), STRONGROOM_INVALID);
}

TEST_F(ZkAuth, ComesFromOnePlaceAlone) {
  strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
  const std::string name = file_of("u:p");
  options.zk_auth_file = name.c_str();
  options.zk_auth = "u:p";
  options.zk_auth_len = 3;
  EXPECT_EQ(open_with(options, nullptr), STRONGROOM_INVALID);
  options.zk_auth = nullptr;
  EXPECT_EQ(open_with(options, nullptr), STRONGROOM_INVALID);
  options.zk_auth_len = 0;
  EXPECT_EQ(open_with(options, nullptr), STRONGROOM_OK);
}

TEST_F(ZkAuth, AnOlderCallersOptionsHaveNone) {
  strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
  options.struct_size = offsetof(strongroom_store_options, zk_auth);
  options.zk_auth_file = "/absent";
  EXPECT_EQ(open_with(options, nullptr), STRONGROOM_OK);
}

// ---- the nodes ----

TEST_F(ZkAuth, AccessIsAskedForByUrlsOfZookeeperAlone) {
  strongroom_findings* findings = nullptr;
  std::uint64_t num_nodes = 7;
  for (const char* url : {"memory:", "lmdb:/x", "", "zookeeper://h/r"}) {
    Expect error;
    EXPECT_TRUE(
        error.failed(strongroom_zk_check_access(url, nullptr, nullptr, nullptr, &findings, error),
                     STRONGROOM_INVALID));
    EXPECT_EQ(strongroom_zk_reauth(url, nullptr, nullptr, 0, nullptr, nullptr, nullptr, &num_nodes,
                                   nullptr),
              STRONGROOM_INVALID);
    EXPECT_EQ(num_nodes, 0u);
    num_nodes = 7;
  }
  EXPECT_EQ(strongroom_zk_check_access(nullptr, nullptr, nullptr, nullptr, &findings, nullptr),
            STRONGROOM_INVALID);
  EXPECT_EQ(findings, nullptr);
}

TEST_F(ZkAuth, TheNewIdentityIsLookedAtBeforeTheEnsemble) {
  const std::string open = file_of("u:canary", 0644);
  EXPECT_EQ(strongroom_zk_reauth("zk://127.0.0.1:1/x", nullptr, nullptr, 0, open.c_str(), nullptr,
                                 nullptr, nullptr, nullptr),
            STRONGROOM_DENIED);
  EXPECT_EQ(strongroom_zk_reauth("zk://127.0.0.1:1/x", nullptr, "nocolon", 7, nullptr, nullptr,
                                 nullptr, nullptr, nullptr),
            STRONGROOM_INVALID);
}

#if !STRONGROOM_HAVE_ZOOKEEPER
TEST_F(ZkAuth, ABuildWithoutZookeeperSaysSo) {
  strongroom_findings* findings = nullptr;
  strongroom_store_options options = STRONGROOM_STORE_OPTIONS_INIT;
  const char* const url = "zk://127.0.0.1:1/x";
  EXPECT_EQ(open_with(options, nullptr, url), STRONGROOM_UNSUPPORTED);
  EXPECT_EQ(strongroom_zk_check_access(url, nullptr, nullptr, nullptr, &findings, nullptr),
            STRONGROOM_UNSUPPORTED);
  EXPECT_EQ(
      strongroom_zk_reauth(url, nullptr, "u:p", 3, nullptr, nullptr, nullptr, nullptr, nullptr),
      STRONGROOM_UNSUPPORTED);
}
#endif

}  // namespace
}  // namespace capi_test::zookeeper_test
