// zk_reauth_command.cpp: gives a store's ZooKeeper nodes to another identity.
#include <string>

#include "commands/groups.hpp"
#include "store/access.hpp"
#include "syntax/common_options.hpp"
#include "syntax/table.hpp"
#include "terminal/input.hpp"
#include "terminal/output.hpp"
#include "terminal/progress.hpp"

namespace strongroom_cli {
namespace {

constexpr Option kNewZkAuthFile =
    file("--new-zk-auth-file", "user:password of the new identity; needed");

int run_zk_reauth(const Options& options) {
  if (!options.has(kNewZkAuthFile)) throw options.usage("--new-zk-auth-file is missing");
  const std::string file = options.text(kNewZkAuthFile);
  refuse_marked_file(file, "the file with ZooKeeper credentials");
  if (!in_zookeeper(options.store)) {
    throw Failure(kExitInvalid, "the store is not in ZooKeeper; name one as zk://host:port/root");
  }
  strongroom_store_options how = STRONGROOM_STORE_OPTIONS_INIT;
  how.timeout_ms = options.timeout_ms;
  const ZkAuth auth(how, options.store, options.zk_auth_file, options);
  std::uint64_t num_nodes = 0;
  {
    ProgressLine progress("Rewriting", ProgressLine::Unit::nodes);
    num_nodes = strongroom_abi::zk_reauth(options.store, how, file, progress.callback());
  }
  if (options.has(kJson)) {
    print_done("{\"nodes\":" + std::to_string(num_nodes) + "}\n");
    return kExitOk;
  }
  print_done(
      std::to_string(num_nodes) +
      " nodes belong to the new identity. Run this again when every client uses it, for nodes "
      "that were made meanwhile.\n");
  return kExitOk;
}

}  // namespace

constexpr const char* kZkReauthHelp =
    R"(Rewrites the access list of every node of a store in ZooKeeper, the root last. It needs no key of
the store, but the identity that the nodes belong to now. When it was stopped, run it again. Nodes
that other clients make meanwhile may keep the old identity: run it once more when all clients use
the new one.

Example:
  strongroom --store zk://zk1:2181,zk2:2181/app --zk-auth-file old.auth zk-reauth \
    --new-zk-auth-file new.auth)";

const Command zk_reauth_command("zk-reauth", kStoreGroup,
                                "Give a store's ZooKeeper nodes to another identity", kZkReauthHelp,
                                {&kNewZkAuthFile, &kJson}, run_zk_reauth);

}  // namespace strongroom_cli
