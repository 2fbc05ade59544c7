// conformance_test.cpp: the suite over the backends that come with strongroom.
#include "conformance.hpp"

#include <stdlib.h>

#include <filesystem>

#include "strongroom/backend.hpp"
#include "strongroom/backends/memory.hpp"
#include "support/forwarding_backend.hpp"

namespace strongroom::conformance::conformance_test {
namespace {

// A directory of the test under way. One test runs at a time.
std::string& directory() {
  static std::string path;
  return path;
}

std::unique_ptr<Backend> open_or_report(const std::string& url) {
  auto opened = open_backend(url);
  if (opened) return std::move(opened).value();
  if (opened.error().code != Code::unsupported) ADD_FAILURE() << opened.error().message;
  return nullptr;
}

Factory memory() {
  return {.name = "memory",
          .make = [] { return std::make_unique<MemoryBackend>(); },
          .reopen = [](Backend& open) { return dynamic_cast<MemoryBackend&>(open).share(); }};
}

// PagedBackend is a storage that can not hold on to a point in time: all it has is scan.
class PagedBackend final : public testing::ForwardingBackend {
 public:
  using ForwardingBackend::ForwardingBackend;

  std::unique_ptr<Backend> share() const {
    return std::make_unique<PagedBackend>(dynamic_cast<MemoryBackend&>(*real_).share());
  }
};

Factory paged() {
  return {.name = "paged",
          .make = [] { return std::make_unique<PagedBackend>(std::make_unique<MemoryBackend>()); },
          .reopen = [](Backend& open) { return dynamic_cast<PagedBackend&>(open).share(); },
          .pages = true};
}

Factory lmdb(std::string name, std::string query) {
  return {.name = std::move(name),
          .make =
              [query] {
                std::string path = ::testing::TempDir() + "strongroom.XXXXXX";
                EXPECT_NE(::mkdtemp(path.data()), nullptr);
                directory() = path;
                return open_or_report("lmdb:" + path + "/store" + query);
              },
          .reopen = [](Backend& open) { return open_or_report(open.url()); },
          .revive = [query] { return open_or_report("lmdb:" + directory() + "/store" + query); },
          .clean = [] { std::filesystem::remove_all(directory()); }};
}

INSTANTIATE_TEST_SUITE_P(Ours, Backends,
                         ::testing::Values(memory(), paged(), lmdb("lmdb", ""),
                                           lmdb("lmdb_quota", "?quota=268435456")),
                         [](const auto& instance) { return instance.param.name; });

void expect_refused(std::string_view url, Code code, std::string_view says) {
  auto opened = open_backend(url);
  ASSERT_FALSE(opened.ok()) << url;
  EXPECT_EQ(opened.error().code, code) << url << ": " << opened.error().message;
  EXPECT_NE(opened.error().message.find(says), std::string::npos) << opened.error().message;
}

TEST(OpenBackend, UnknownOrMissingSchemeIsRefusedAndTheKnownOnesAreNamed) {
  for (const char* url : {"", "memory", "/var/lib/store", "vault://host/x", ":", "LMDB:/x"}) {
    expect_refused(url, Code::invalid, "memory: or lmdb:/absolute/directory");
  }
}

TEST(OpenBackend, UnknownUrlIsNotRepeatedSinceItMayHoldAPassword) {
  for (const char* url : {"pg://me:hunter2@host", "hunter2", "zk://me:hunter2@host/x"}) {
    auto opened = open_backend(url);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().message.find("hunter2"), std::string::npos) << opened.error().message;
  }
}

TEST(OpenBackend, MemoryTakesNoPath) {
  expect_refused("memory:/x", Code::invalid, "memory:");
}

TEST(OpenBackend, TwoMemoryStoresShareNothing) {
  auto one = open_backend("memory:");
  auto other = open_backend("memory:");
  ASSERT_TRUE(one.ok() && other.ok());
  ASSERT_TRUE(applied(commit(**one, {put("k", "v")})));
  EXPECT_EQ(fetch(**other, "k"), Found{});
  EXPECT_EQ((*one)->url(), "memory:");
}

TEST(OpenBackend, LmdbUrlOutsideTheRulesIsInvalid) {
  using namespace std::string_literals;
  if (auto probe = open_backend("lmdb:"); probe.error().code == Code::unsupported) {
    GTEST_SKIP() << "LMDB is not built in";
  }
  expect_refused("lmdb:relative/dir", Code::invalid, "absolute");
  expect_refused("lmdb:", Code::invalid, "absolute");
  expect_refused("lmdb://host/dir?quota=", Code::invalid, "quota");
  expect_refused("lmdb:/x\0y"s, Code::invalid, "NUL");
  for (const char* query : {"?", "?size=1", "?quota=1048576&x=1", "?quota=1048576&quota=1048576"}) {
    expect_refused("lmdb:/tmp/x"s + query, Code::invalid, "quota=BYTES");
  }
  for (const char* quota : {"-1", "1MB", "0x100000", " 1048576", "99999999999999999999999"}) {
    expect_refused("lmdb:/tmp/x?quota="s + quota, Code::invalid, "number of bytes");
  }
  expect_refused("lmdb:/tmp/x?quota=0", Code::invalid, "under 65536");
  expect_refused("lmdb:/tmp/x?quota=65535", Code::invalid, "under 65536");
}

}  // namespace
}  // namespace strongroom::conformance::conformance_test
