// zookeeper.hpp: the distributed backend: one sealed store on a ZooKeeper ensemble.
//
//   zk://host:port,host:port/root[?option=value&...]
//     session_ms=N   how long without contact until the ensemble drops a client; 2,000..60,000 (10,000)
//     cache_bytes=N  envelopes kept in this process; 0 turns the cache off (16 MiB)
//     stale_ms=N     how long to go on with what is in the cache during an outage; 0: do not (0)
//     access=world   accept a tree that anybody may change, and create one where there is none
//
// A commit is one multi: expectations, records, the stamps of their shards and the last operation of
// this client, together. A read is one round trip, for one record or for many (one multiRead, which
// needs ZooKeeper 3.6), and none when all are in the cache. A value too large for a packet is split
// into nodes that nobody sees before the commit names them. FORMAT.md describes the tree.
//
// Consistency
//   commits, and reads after sync   linearizable: sync is a write of its own, since a server that is no
//                                   longer the leader may answer ZooKeeper's sync
//   other reads                     monotonic for one handle, and see its own commits. They may lag
//                                   behind other clients as far as the server in use lags behind its
//                                   leader, which drops it after syncLimit ticks (10 s by default)
//   shard 0 (header, fence)         watched: a change reaches a handle when it reaches its server, so
//                                   within the same bound, or within session_ms when its server has
//                                   fallen silent. A handle that is cut off from all servers answers
//                                   nothing until it has looked again, except stale reads within
//                                   stale_ms
//
// Outages: a lost connection is not an expired session. Reads are sent again until their timeout passes
// (unavailable). The outcome of a commit in flight is read from this client's last-operation node; it is
// indeterminate only if the timeout passes first. An expired session is replaced by a new one, which
// authenticates, sets its watches and looks again. If the ensemble then shows an older state than this
// handle has seen, every later call fails with rollback: if the rollback was intended, open the store
// again.
//
// Access: every node belongs to the authenticated identity (digest) and to nobody else. The password is
// sent in clear: ZooKeeper's digest scheme hides it from other clients, but not from anyone that
// listens on the network.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/backend.hpp"
#include "strongroom/function_ref.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// open_zookeeper opens the store below a root node, and creates the tree where it does not exist yet.
// url is as above; options.zk_auth is user:password.
// Errors   invalid: the url; the message shows what it should look like.  unavailable: none of its
//          servers answered within options.timeout.  denied: the root is open to the world, or to
//          others, or not to us.  not_initialized: must_exist is set and there is no tree.
//          unsupported: zks://, since this build's client library has no TLS; a tree of a newer format.
// Threads  any number at once. Each handle has one thread of its own.
Result<std::unique_ptr<Backend>> open_zookeeper(std::string_view url,
                                                const BackendOptions& options = {});

// ZooKeeperAccess is the result of checking every node's ACL.
struct ZooKeeperAccess {
  std::uint64_t num_nodes = 0;        // checked
  std::uint64_t num_foreign = 0;      // that grant anything to anybody but us, or not all to us
  std::uint64_t num_world = 0;        // those of num_foreign that anybody may change
  std::vector<std::string> examples;  // the paths of up to 5 of num_foreign
};

// ZooKeeperProgress is called with the number of nodes so far, now and then. Returning false stops the
// work (unavailable).
using ZooKeeperProgress = FunctionRef<bool(std::uint64_t num_nodes)>;

// check_zookeeper_access checks the ACL of every node of a store. url and options as above.
Result<ZooKeeperAccess> check_zookeeper_access(std::string_view url, const BackendOptions& options,
                                               ZooKeeperProgress progress);

// reauthenticate_zookeeper gives every node to another identity. The root comes last, so that a run that
// was stopped can be repeated with the same two identities. new_auth is null for a tree that stays open
// to the world (access=world).
// Returns  the number of nodes. Nodes that other clients create meanwhile may keep the old identity: run
//          it once more when every client uses the new one.
Result<std::uint64_t> reauthenticate_zookeeper(std::string_view url, const BackendOptions& options,
                                               std::shared_ptr<const SecretBytes> new_auth,
                                               ZooKeeperProgress progress);

}  // namespace strongroom
