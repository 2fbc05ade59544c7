// engine.hpp: the parts of an open store; each may borrow those above it.
#pragma once

#include <memory>
#include <utility>

#include "strongroom/backend.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/keys/key_keeper.hpp"
#include "strongroom/impl/store/async_reads.hpp"
#include "strongroom/impl/store/policy_in_force.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/store.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

class Engine {
 public:
  Engine(std::unique_ptr<Backend> backend, StoreOptions options)
      : timeout(options.timeout),
        pgp(options.pgp != nullptr ? std::move(options.pgp) : openpgp_helper()),
        barrier(std::move(backend),
                KeeperOptions{options.timeout, options.anchor, options.share_expiry}),
        policy(barrier.keys(), barrier.policies(), std::move(options.policy), options.timeout),
        async(barrier.backend(), barrier.reader(), policy, options.timeout) {}
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const Timeout timeout;
  const std::shared_ptr<OpenPgp> pgp;
  Barrier barrier;
  PolicyInForce policy;
  AsyncReads async;  // last: it waits for the calls in flight
};

}  // namespace strongroom
