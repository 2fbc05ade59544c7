// access.hpp: opening the store, and unsealing it for one command.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "strongroom_abi.hpp"
#include "syntax/options.hpp"

namespace strongroom_cli {

// Access is an open store. Its keys are wiped when it is destroyed.
struct Access {
  strongroom_abi::Store store;
  strongroom_abi::Session session;
  strongroom_abi::Report report;  // as it was when the store was opened
};

// open_sealed opens the store that was named, and leaves it sealed.
// make  makes the storage where there is none; otherwise that is Error NOT_INITIALIZED.
Access open_sealed(const Options& options, bool make = false);

// open_unsealed also unseals it, with the credentials that the options name, or else the environment, or
// else the person at the terminal.
// flags   as for strongroom_unseal.
// Throws  Failure: there is no store, an operator's lock is on it, or a credential is missing or wrong.
Access open_unsealed(const Options& options, std::uint32_t flags = 0);

// unseal_unasked unseals an open store with the credentials at hand, and asks nobody.
// Returns  false when there is no store or no credential.
bool unseal_unasked(Access& access, const Options& options);

// open_other opens a second store in the same way, and leaves it sealed.
// zk_auth_file  its ZooKeeper credentials; empty: those of the first store.
Access open_other(const std::string& url, const Options& options, const std::string& zk_auth_file);

// in_zookeeper reports whether a URL names a store in ZooKeeper.
bool in_zookeeper(std::string_view url) noexcept;

// ZkAuth sets the ZooKeeper credentials in the store's options, from that file or else from the environment,
// where the URL needs any. The options borrow them as long as this object exists.
class ZkAuth {
 public:
  ZkAuth(strongroom_store_options& how, std::string_view url, const std::string& file,
         const Options& options);

 private:
  std::optional<strongroom_abi::Secret> read_;
};

}  // namespace strongroom_cli
