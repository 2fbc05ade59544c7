// hostile_test.cpp: an agent whose own libraries have the same symbols as the module's.
#include "hostile.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "agent.hpp"
#include "support/zookeeper_server.hpp"

namespace mesos_test::hostile_test {
namespace {

TEST(HostileAgent, LendsTheModuleNothingOfItsZooKeeperClient) {
  if (!strongroom::testing::ZooKeeperServers::wanted()) GTEST_SKIP() << "no ZooKeeper server";
  strongroom::testing::ZooKeeperServers servers;
  // Seen from every library, the functions are the agent's: they would end this program.
  ASSERT_EQ(::dlsym(RTLD_DEFAULT, "zookeeper_init"), reinterpret_cast<void*>(&::zookeeper_init));
  ASSERT_NE(::dlsym(RTLD_DEFAULT, "zookeeper_interest"), nullptr);
  Stored stored(
      "zk://" + servers.connect_string() + "/strongroom?access=world",
      strongroom_abi::Store("zk://" + servers.connect_string() + "/strongroom?access=world"));
  const Resolver resolver = create(stored.parameters());
  ASSERT_NE(resolver, nullptr);
  EXPECT_EQ(resolved(*resolver, "/other/token"), "opensesame");
  put(stored.session(), "other/token", "changed");
  EXPECT_EQ(eventually(*resolver, "/other/token", "changed"), "changed");
}

TEST(HostileAgent, PicksUpNothingOfTheModules) {
  for (const char* name : {"zookeeper_interest", "zoo_aget", "zerror", "sodium_init"}) {
    void* const found = ::dlsym(module(), name);
    Dl_info of{};
    const bool ours = found != nullptr && ::dladdr(found, &of) != 0 &&
                      std::string(of.dli_fname).find("strongroom_mesos") != std::string::npos;
    EXPECT_FALSE(ours) << name;
  }
  // Nothing that the module brings along is visible to the rest of the program.
  EXPECT_EQ(::dlsym(RTLD_DEFAULT, "strongroom_SecretResolver"), nullptr);
}

TEST(HostileAgent, HasProtobufAndGlogOfItsOwn) {
  ASSERT_EQ(::dlsym(RTLD_DEFAULT, "_ZN6google17InitGoogleLoggingEPKc"),
            reinterpret_cast<void*>(&google::InitGoogleLogging));
  const Stored stored;
  take_log_lines();
  const Resolver resolver = create(stored.parameters());
  EXPECT_EQ(resolved(*resolver, "/other/token"), "opensesame");
  EXPECT_NE(log_line("resolved secret '/other/token'"), "");  // through the agent's LogMessage
}

}  // namespace
}  // namespace mesos_test::hostile_test
