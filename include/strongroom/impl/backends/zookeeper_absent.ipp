// zookeeper_absent.ipp: the errors of ZooKeeper's functions in a build without ZooKeeper, so that no
// caller needs to know.
#if !STRONGROOM_HAVE_ZOOKEEPER
#include <cstdint>
#include <memory>
#include <string_view>

#include "strongroom/backend.hpp"
#include "strongroom/backends/zookeeper.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom {
namespace detail::zookeeper_absent {

static Error not_built_in() {
  return {Code::unsupported,
          "the backend 'zk' was not built in; build with the ZooKeeper client library "
          "(libzookeeper-st-dev)"};
}

}  // namespace detail::zookeeper_absent

Result<std::unique_ptr<Backend>> open_zookeeper(std::string_view, const BackendOptions&) {
  return detail::zookeeper_absent::not_built_in();
}

Result<ZooKeeperAccess> check_zookeeper_access(std::string_view, const BackendOptions&,
                                               ZooKeeperProgress) {
  return detail::zookeeper_absent::not_built_in();
}

Result<std::uint64_t> reauthenticate_zookeeper(std::string_view, const BackendOptions&,
                                               std::shared_ptr<const SecretBytes>,
                                               ZooKeeperProgress) {
  return detail::zookeeper_absent::not_built_in();
}

}  // namespace strongroom
#endif
