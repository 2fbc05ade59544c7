#include "strongroom/watch.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "strongroom/credential.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/slots.hpp"
#include "strongroom/store.hpp"
#include "support/barrier_fixture.hpp"

namespace strongroom::watch_test {
namespace {

using testing::parsed;
using testing::path;
using testing::secret;

const Identity kTrusted = Identity::trusted();

// Rights lets users list `folder` as long as may_list, and read what is not below "db/private".
struct Rights final : Policy {
  std::atomic<bool> may_list{true};

  Decision by_rules(const Identity&, Action action, const Path& path) const noexcept override {
    if (action == Action::list && may_list && path.text() == "db") return Decision::allowed;
    if (action == Action::read && !path.text().starts_with("db/private/")) return Decision::allowed;
    return Decision::refused;
  }
};

struct Watched {
  std::shared_ptr<Rights> rights = std::make_shared<Rights>();
  Store store = Store::open("memory:", {kDefaultTimeout, rights}).value();

  Watched() {
    PendingInit pending = store.as(kTrusted).init({0, 0, true}).value();
    const Credential key = parsed(pending.key_file);
    EXPECT_TRUE(store.as(kTrusted).activate(pending));
    EXPECT_TRUE(store.as(kTrusted).unseal(std::span(&key, 1)));
  }
  void put(const std::string& name) {
    EXPECT_TRUE(store.as(kTrusted).put(path(name), Content::text, secret("v").view()));
  }
};

std::vector<std::string> paths_of(Result<std::vector<WatchEvent>> events) {
  std::vector<std::string> paths;
  if (!events) return {std::string(to_string(events.error().code))};
  for (WatchEvent& event : events.value()) paths.push_back(std::move(event.path));
  return paths;
}

using Paths = std::vector<std::string>;

TEST(Watch, NeedsTheRightToListWhatItWatches) {
  Watched watched;
  EXPECT_EQ(watched.store.as(Identity::user("u")).watch(path("")).error().code, Code::denied);
  EXPECT_EQ(watched.store.as(Identity::user("u")).watch(path("db/a")).error().code, Code::denied);
  EXPECT_TRUE(watched.store.as(Identity::user("u")).watch(path("db")));
  EXPECT_TRUE(watched.store.as(kTrusted).watch(path("")));
}

TEST(Watch, TellsOfSecretsThatTheWatcherMayReadAlone) {
  Watched watched;
  auto users = watched.store.as(Identity::user("u")).watch(path("db")).value();
  auto all = watched.store.as(kTrusted).watch(path("db")).value();
  watched.put("db/private/one");
  EXPECT_EQ(paths_of(users.next(Timeout(50))), Paths()) << "and waits on";
  watched.put("db/public");
  EXPECT_EQ(paths_of(users.next(Timeout(5000))), Paths{"db/public"});
  EXPECT_EQ(paths_of(all.next(Timeout(5000))), (Paths{"db/private/one", "db/public"}));
}

TEST(Watch, EndsWithTheRightToList) {
  Watched watched;
  auto users = watched.store.as(Identity::user("u")).watch(path("db")).value();
  watched.put("db/a");
  watched.rights->may_list = false;
  EXPECT_EQ(paths_of(users.next(Timeout(50))), Paths{"denied"});
  watched.rights->may_list = true;
  EXPECT_EQ(paths_of(users.next(Timeout(50))), Paths{"db/a"}) << "nothing is lost by that";
  watched.rights->may_list = false;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(paths_of(users.next(Timeout(10'000))), Paths{"denied"});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, Timeout(5000)) << "at once";
}

}  // namespace
}  // namespace strongroom::watch_test
