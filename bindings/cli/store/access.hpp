// access.hpp: opening the store, and unsealing it for one command.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "strongroom_abi.hpp"
#include "syntax/options.hpp"

namespace strongroom_cli {

// Access is an open store. Its keys are wiped when it goes.
struct Access {
  strongroom_abi::Store store;
  strongroom_abi::Session session;
  strongroom_abi::Report report;  // as it was when the store was opened
};

// open_sealed opens the store that was named, and leaves it sealed.
// make  makes the storage where there is none; else that is Error NOT_INITIALIZED.
Access open_sealed(const Options& options, bool make = false);

// open_unsealed also unseals it, with what the options name, else the environment, else the person
// at the terminal.
// flags   as for strongroom_unseal.
// Throws  Failure: no store, an operator's lock on it, no credential to be had, or a wrong one.
Access open_unsealed(const Options& options, std::uint32_t flags = 0);

// unseal_unasked unseals an open store by what is at hand, and asks nobody.
// Returns  false when there is no store or no credential.
bool unseal_unasked(Access& access, const Options& options);

// open_other opens a second store, sealed, in the same way; its ZooKeeper credentials may be others.
Access open_other(const std::string& url, const Options& options);

// in_zookeeper tells whether a URL is one of ZooKeeper.
bool in_zookeeper(std::string_view url) noexcept;

// add_zk_auth gives the store's options the credentials of that file, or else of the environment,
// where the URL needs any. They are borrowed.
void add_zk_auth(strongroom_store_options& how, std::string_view url, const std::string& file,
                 const Options& options);

}  // namespace strongroom_cli
