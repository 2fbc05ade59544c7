// store.hpp: the first stage of the line: an open store. Secrets are reached through sessions, each of which
// acts for one identity (session.hpp).
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
  Timeout timeout = kDefaultTimeout;               // of each call of the backend, and of opening it
  std::shared_ptr<const Policy> policy = nullptr;  // the host's own; none: what is stored
  BackendOptions storage{};                // what the URL does not say; open sets its timeout
  std::shared_ptr<OpenPgp> pgp = nullptr;  // wraps and unwraps shares; none: openpgp_helper
  std::optional<Anchor> anchor{};          // what the store must not be older than: rollback
  std::chrono::milliseconds share_expiry{900'000};  // of shares that are given one by one
};

// Store is one open storage and, while it is unsealed, its keys. Its sessions, watches and queued calls keep
// it open as well. Destroying the last of them wipes the keys, and returns when all callbacks of asynchronous
// reads have returned. Inside such a callback, another thread does the waiting.
class Store {
 public:
  // open opens the storage that url names (open_backend lists the forms) and leaves the store sealed. The
  // storage need not contain a store yet: see Session::init.
  // Errors  those of open_backend.  unsupported: a CPU without AES instructions, in a build without Botan.
  static Result<Store> open(std::string_view url, StoreOptions options = {});

  // Store over a backend of the caller's own.
  explicit Store(std::unique_ptr<Backend> backend, StoreOptions options = {});

  // as returns the store as an identity may use it. The host has authenticated that identity.
  Session as(Identity identity) const;

  // status needs no right: it shows nothing of a secret.
  // Errors  rollback: the store is older than the anchor, or another one.  The storage's.
  Result<SealStatus> status() const;

  // close wipes the keys of this open store, for all its sessions, and returns when no read uses them any
  // more. It changes nothing in the storage.
  void close();

 private:
  std::shared_ptr<Engine> engine_;
};

// in_callback returns whether this thread is inside a callback of an asynchronous read, of any store. There
// it must not wait for a store.
bool in_callback() noexcept;

}  // namespace strongroom
