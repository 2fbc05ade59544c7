// keys_at_hand.hpp: what this server can unseal the store with by itself.
//
// In this order: the OpenPGP private key of a bootstrap that has not ended, the key file of the settings, the OpenPGP
// private key of the state directory, and the one in the store. It never lifts an operator's lock.
// Threads  one at a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "settings/settings.hpp"
#include "strongroom_abi.hpp"

namespace strongroomd {

class StateDir;

inline constexpr const char* kUnsealKey = "unseal-key.asc";
inline constexpr const char* kPendingKey = "unseal-key.pending";

// Unlocking is the outcome of trying the keys.
struct Unlocking {
  bool unsealed = false;
  bool by_pending = false;        // by kPendingKey
  bool pending_is_wrong = false;  // there is such a key, and the store has no share for it
  std::string by;                 // "the key file '...'"; of what unsealed
  std::string why;  // where nothing did: why each of them did not; "" if there is none
};

class KeysAtHand {
 public:
  // All of these must outlive it. trusted is a session of the store.
  KeysAtHand(const Settings& settings, const StateDir& dir, strongroom_abi::Session& trusted)
      : settings_(settings), dir_(dir), trusted_(trusted) {}

  // unseal tries one after the other. report is of the sealed store.
  // Throws  strongroom_abi::Error: the storage is away, or an operator locked the store.
  Unlocking unseal(const strongroom_abi::Report& report);

  // open decrypts one of the store's own wrapped shares, and gives it to the store.
  // Returns  the progress; unsealed only where the share was enough, or the key in the store opened all of them.
  // Throws   Failure 400: encrypted_key is none of them. Failure 409: no key at hand decrypts it.
  strongroom_unseal_progress open(const strongroom_abi::Report& report,
                                  std::string_view encrypted_key);

 private:
  std::optional<strongroom_abi::Secret> read_pgp(const char* name, Unlocking& outcome);
  bool try_pgp(const char* name, const strongroom_abi::Report& report, Unlocking& outcome);
  bool try_key_file(Unlocking& outcome);
  bool try_escrow(const strongroom_abi::Report& report, Unlocking& outcome);

  const Settings& settings_;
  const StateDir& dir_;
  strongroom_abi::Session& trusted_;
};

// hex_of returns bytes in lower-case hex digits.
std::string hex_of(std::string_view bytes);

// trimmed returns text without the white space around it.
std::string_view trimmed(std::string_view text) noexcept;

}  // namespace strongroomd
