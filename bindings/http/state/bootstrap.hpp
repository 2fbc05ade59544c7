// bootstrap.hpp: a new store that this server can unseal by itself, made so that a crash at any point leaves no
// store, or one that this state directory opens.
//
//   1. An OpenPGP key pair is written to unseal-key.pub and unseal-key.pending. A later try uses the same pair: the
//      store of an earlier one may still turn up (STRONGROOM_INDETERMINATE).
//   2. The store is made, with one share that is wrapped to the pair.
//   3. After the first unseal by unseal-key.pending: the root token is written, and the key becomes
//      unseal-key.asc. If that key opens nothing, another server made the store, and the pair is removed.
// Threads  one at a time.
#pragma once

#include <functional>
#include <string>

#include "settings/settings.hpp"
#include "strongroom_abi.hpp"

namespace strongroomd {

class StateDir;

inline constexpr const char* kRootToken = "root-token";

class Bootstrap {
 public:
  // All of these must outlive it. trusted is a session of the store.
  Bootstrap(const Settings& settings, const StateDir& dir, strongroom_abi::Session& trusted,
            unsigned pair_bits)
      : settings_(settings), dir_(dir), trusted_(trusted), pair_bits_(pair_bits) {}

  // make makes a store, steps 1 and 2. Afterwards there is a store, of this server or of another one.
  // Throws  std::runtime_error: STATE_DIR/unseal-key.asc is of another store.  strongroom_abi::Error.
  void make(const std::string& instance);

  // adopt is step 3, after the unseal. It can be called again when it failed.
  void adopt(const std::function<strongroom_abi::Secret()>& make_root_token);

  // forget removes a pair that opens nothing.
  void forget();

 private:
  struct Pair {
    strongroom_abi::Secret private_key;
    std::string public_key;
  };
  Pair pair_to_use(const std::string& instance);
  strongroom_abi::Pending prepare(const Pair& pair);

  const Settings& settings_;
  const StateDir& dir_;
  strongroom_abi::Session& trusted_;
  unsigned pair_bits_;
};

}  // namespace strongroomd
