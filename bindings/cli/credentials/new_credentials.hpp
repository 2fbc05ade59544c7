// new_credentials.hpp: the options that ask for new credentials, and what they ask for together.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "syntax/options.hpp"

namespace strongroom_cli {

inline constexpr Option kShares =
    number("--shares", "N", 1, 255, "How many shares to make, 1 to 255");
inline constexpr Option kThreshold =
    number("--threshold", "T", 1, 255, "How many of them open the store");
inline constexpr Option kPgpKey =
    files("--pgp-key", "A keeper's OpenPGP public key, to encrypt one share to; repeat it");
inline constexpr Option kGeneratePgpKey =
    file("--generate-pgp-key", "Make an RSA pair for a share; the private key goes here",
         Kind::new_file);
inline constexpr Option kPgpBits =
    number("--pgp-bits", "BITS", 2048, 4096, "Of that pair, 2048 to 4096 (4096)", "2048 3072 4096");
inline constexpr Option kEscrowInStore = flag(
    "--escrow-in-store", "Make that pair, and keep its private key in the store, as DC/OS did");
inline constexpr Option kNewKeyFile = file("--new-key-file", "Make a key file", Kind::new_file);
inline constexpr Option kEnvironmentKey =
    flag("--environment", "Make a key for the variable STRONGROOM_KEY, and print it", "key");
inline constexpr Option kSystemCredential =
    flag("--system-credential", "Make a key for systemd's credential strongroom.key, and print it",
         "key");
inline constexpr Option kVerify =
    flag("--verify", "Change nothing before the new credentials are typed back");
inline constexpr Option kShareBack =
    files("--share-back", "Like --verify, from a file ('-': standard input); repeat it for more");

// NewCredentials is what opens a store, or a slot, from now on.
struct NewCredentials {
  std::uint32_t shares = 0;
  std::uint32_t threshold = 0;
  std::vector<std::string> pgp_key_files;
  std::string generated_key_file;  // where the private key of a new OpenPGP pair goes
  std::uint32_t pgp_bits = 4096;
  bool escrow = false;
  std::string key_file;
  std::uint32_t key_kind = 0;  // a STRONGROOM_SLOT_ constant, or 0: a key file
  bool verify = false;
  std::vector<std::string> share_backs;

  bool pgp() const { return !pgp_key_files.empty() || !generated_key_file.empty() || escrow; }
  bool key() const { return !key_file.empty() || key_kind != 0; }
  bool empty() const { return shares == 0 && !pgp() && !key(); }
};

// new_credentials reads these options and checks them against each other, before anything is made.
// as_before  options that are left out are taken from the old shares: --threshold needs no --shares.
// Throws     Failure(kExitUsage).
NewCredentials new_credentials(const Options& options, bool as_before = false);

}  // namespace strongroom_cli
