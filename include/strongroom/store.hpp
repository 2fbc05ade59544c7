// store.hpp: the first stage of the line: an open store. What it holds is reached through sessions, each of
// which is one identity's (session.hpp).
//
//   auto store = strongroom::Store::open("lmdb:/var/lib/app/secrets");
//   auto session = store->as(strongroom::Identity::trusted());
//   auto unsealed = session.unseal(credential);
//   auto secret = session.get("db/password");
//
// Threads  every function may be called by any number of threads at once.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

#include "strongroom/anchor.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/identity.hpp"
#include "strongroom/openpgp.hpp"
#include "strongroom/result.hpp"
#include "strongroom/seal_status.hpp"
#include "strongroom/session.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

class Policy;

struct StoreOptions {
  Timeout timeout = kDefaultTimeout;               // of each call of the backend
  std::shared_ptr<const Policy> policy = nullptr;  // the host's own; none: what is stored
  BackendOptions storage{};                        // what the URL does not say
  std::shared_ptr<OpenPgp> pgp = nullptr;          // wraps and unwraps shares; none: openpgp_helper
  std::optional<Anchor> anchor{};  // what the store must not be older than: rollback
  std::chrono::milliseconds share_expiry{900'000};  // of shares that come one by one
};

// Store is one open storage and, while it is unsealed, its keys. Its sessions and watches keep it as well;
// the last of them to go wipes the keys, and returns when all callbacks of asynchronous reads have. Where
// that is inside such a callback, another thread does it.
class Store {
 public:
  // open opens the storage that url names (open_backend has the forms) and leaves it sealed. A
  // store need not be there yet: see Session::init.
  // Errors  those of open_backend.  unsupported: a CPU without AES instructions, in a build without Botan.
  static Result<Store> open(std::string_view url, StoreOptions options = {});

  // Store over a backend of the caller's own.
  explicit Store(std::unique_ptr<Backend> backend, StoreOptions options = {});

  // as gives the store as an identity sees it. The host has authenticated whom it names.
  Session as(Identity identity) const;

  // status is for anybody: it tells of no secret.
  // Errors  rollback: the store is older than the anchor, or another one.  The storage's.
  Result<SealStatus> status() const;

  // close wipes the keys of this open store, for all its sessions, and returns when no read uses them any
  // more. It changes nothing in the storage.
  void close();

 private:
  std::shared_ptr<Engine> engine_;
};

// in_callback tells whether this thread is inside a callback of an asynchronous read, of any store: there it
// must wait for none.
bool in_callback() noexcept;

}  // namespace strongroom
