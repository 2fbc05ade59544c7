// zk_reauth_command.cpp: a store's ZooKeeper nodes to another identity.
#include <string>

#include "store/access.hpp"
#include "store/failure.hpp"
#include "syntax/commands.hpp"
#include "terminal/output.hpp"
#include "terminal/progress.hpp"

namespace strongroom_cli {

int zk_reauth_command(const Options& options) {
  if (!in_zookeeper(options.store)) {
    throw Failure(kExitInvalid, "the store is not in ZooKeeper; name one as zk://host:port/root");
  }
  strongroom_store_options how = STRONGROOM_STORE_OPTIONS_INIT;
  how.timeout_ms = options.timeout_ms;
  add_zk_auth(how, options.store, options.zk_auth_file, options);
  std::uint64_t num_nodes = 0;
  {
    ProgressLine progress("Rewriting", ProgressLine::Unit::nodes);
    num_nodes =
        strongroom_abi::zk_reauth(options.store, how, options.other_zk_auth_file, progress.hear());
  }
  if (options.json) {
    print_done("{\"nodes\":" + std::to_string(num_nodes) + "}\n");
    return kExitOk;
  }
  print_done(
      std::to_string(num_nodes) +
      " nodes belong to the new identity. Run this again when every client uses it, for those that "
      "were made meanwhile.\n");
  return kExitOk;
}

}  // namespace strongroom_cli
