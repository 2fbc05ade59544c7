// one_zookeeper.cpp: apart from the tests, since GoogleTest's namespace and that of our support would
// meet in them.
#include "one_zookeeper.hpp"

#include <memory>

#include "tests/support/zookeeper_server.hpp"

namespace strongroom::conformance {

std::string one_zookeeper() {
  using strongroom::testing::ZooKeeperServers;
  if (!ZooKeeperServers::wanted()) return {};
  static const auto servers =
      std::make_unique<ZooKeeperServers>(strongroom::testing::ZooKeeperOptions{.heap_mb = 1024});
  return servers->connect_string();
}

}  // namespace strongroom::conformance
