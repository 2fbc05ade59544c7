// zookeeper.hpp: the distributed backend: one sealed store on a ZooKeeper ensemble.
//
//   zk://host:port,host:port/root[?option=value&...]
//     session_ms=N   after how long without contact the ensemble forgets a client; 2,000..60,000 (10,000)
//     cache_bytes=N  envelopes kept in this process; 0 turns the cache off (16 MiB)
//     stale_ms=N     during an outage go on with what is in the cache, for that long; 0: do not (0)
//     access=world   accept a tree that anybody may change, and make one where there is none
//
// A commit is one multi: expectations, records, the stamps of their shards and the last operation of
// this client, together. A read is one round trip, of one record or of many (one multiRead, which needs
// ZooKeeper 3.6), and none where all are in the cache. A value too large for a packet is split
// into nodes that nobody sees before the commit names them. FORMAT.md has the tree.
//
// Consistency
//   commits, and reads after sync   linearizable: sync is a write of its own, since ZooKeeper's sync
//                                   may be answered by a leader that is none any more
//   other reads                     monotonic for one handle, and see its own commits. They may lag
//                                   behind other clients as far as the server in use lags behind its
//                                   leader, which drops it after syncLimit ticks (10 s by default)
//   shard 0 (header, fence)         watched: a change reaches a handle when it reaches its server, so
//                                   within the same bound, and within session_ms where its server has
//                                   fallen silent; a handle cut off from all servers answers nothing
//                                   until it looked again, but for stale reads within stale_ms
//
// Outages: a lost connection is not an expired session. Reads are sent again until their time is
// over (unavailable); a commit in flight is resolved by this client's last-operation node, and is
// indeterminate only where the time is over first. An expired session is made anew, authenticated,
// watched and looked at again. Where the ensemble then tells an older state than this handle has seen,
// everything is rollback from then on: open the store anew when that was meant.
//
// Access: every node belongs to who is authenticated (digest) and to nobody else. The password goes
// over the wire as it is: ZooKeeper's digest scheme hides it from other clients, not from who listens.
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

// open_zookeeper opens the store below a root node, making the tree where it does not exist yet. url
// as above; options.zk_auth as user:password.
// Errors   invalid: the url, and what it should look like.  unavailable: no server of it answered in
//          kDefaultTimeout.  denied: the root is open to the world, or to others, or not to us.
//          not_initialized: must_exist, and there is none.  unsupported: zks://, since this build's
//          client library speaks no TLS; a tree of a newer format.
// Threads  any number at once. A handle has one thread of its own.
Result<std::unique_ptr<Backend>> open_zookeeper(std::string_view url,
                                                const BackendOptions& options = {});

// ZooKeeperAccess is what a look at every node's ACL found.
struct ZooKeeperAccess {
  std::uint64_t num_nodes = 0;        // looked at
  std::uint64_t num_foreign = 0;      // that grant anything to anybody but us, or not all to us
  std::uint64_t num_world = 0;        // of these, that anybody may change
  std::vector<std::string> examples;  // up to 5 of them, a path each
};

// ZooKeeperProgress hears of the nodes so far, now and then; false stops (unavailable).
using ZooKeeperProgress = FunctionRef<bool(std::uint64_t num_nodes)>;

// check_zookeeper_access looks at the ACL of every node of a store. url and options as above.
Result<ZooKeeperAccess> check_zookeeper_access(std::string_view url, const BackendOptions& options,
                                               ZooKeeperProgress progress);

// reauthenticate_zookeeper gives every node to another identity; the root comes last, so that one
// that was stopped can be run again, with both identities as before. The new one is null for a tree that
// stays open to the world (access=world).
// Returns  the number of nodes. Those that others make meanwhile may keep the old identity: run it
//          once more when every client uses the new one.
Result<std::uint64_t> reauthenticate_zookeeper(std::string_view url, const BackendOptions& options,
                                               std::shared_ptr<const SecretBytes> new_auth,
                                               ZooKeeperProgress progress);

}  // namespace strongroom
