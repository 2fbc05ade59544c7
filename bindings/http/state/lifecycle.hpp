// lifecycle.hpp: the seal of this server, and what it keeps in its state directory.
//
// Sealing and unsealing act on this server only; its intent (STATE_DIR/intent) survives a restart. Unless
// the intent is sealed, a thread heals an involuntary seal with what this server has at hand: its key file, the
// OpenPGP private key of its bootstrap (STATE_DIR/unseal-key.asc), or the one in the store. A store that
// `strongroom seal` locked for everybody is never healed: that waits until the lock is lifted.
//
//   STATE_DIR (0700): instance, intent, unseal-key.asc, root-token or setup-token, operators, audit.log
//   unseal-key.pending, unseal-key.pub: of a bootstrap that has not ended; see bootstrap.hpp
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "message/failure.hpp"
#include "settings/settings.hpp"
#include "strongroom_abi.hpp"

namespace strongroomd {

class StateDir;

// OperatorTokens make and revoke tokens that are known while the store is sealed or does not exist yet.
// Both are called while a change of the seal is under way, so they must not call Lifecycle.
struct OperatorTokens {
  // make returns the text of a new trusted token. description is for people.
  std::function<strongroom_abi::Secret(const std::string& description)> make;
  // revoke is passed the text of a token that is of no more use. It may be unknown already.
  std::function<void(std::string_view text)> revoke;
};

// LifecycleOptions is what only tests change.
struct LifecycleOptions {
  unsigned pair_bits = 4096;              // of the OpenPGP key that a bootstrap makes
  std::chrono::milliseconds pause{1000};  // between two looks at the seal
};

// SealStatus is the answer about the seal.
struct SealStatus {
  bool initialized = false;
  bool sealed = true;
  bool locked = false;  // sealed for everybody
  unsigned threshold = 0;
  unsigned shares = 0;
  unsigned progress = 0;  // shares that were given so far; 0 when unsealed
  std::string nonce;      // of the shares that are being given; "" when none were
};

// InitAnswer is the answer of init.
struct InitAnswer {
  bool initialized = false;
  std::vector<std::string> keys;              // hex of OpenPGP messages, one for each share
  std::vector<std::string> pgp_fingerprints;  // hex
  std::optional<strongroom_abi::Secret> root_token;
};

class Lifecycle {
 public:
  // Lifecycle starts nothing yet. All that it is given must outlive it.
  // Throws  std::runtime_error: a file of the state directory is not as it was written.
  Lifecycle(const Settings& settings, const StateDir& dir, strongroom_abi::Store& store,
            OperatorTokens tokens, LifecycleOptions options = {});
  // ~Lifecycle ends the thread, which may take until its call to the storage ends.
  ~Lifecycle();

  const std::string& instance() const noexcept;  // 16 hex digits, of STATE_DIR/instance

  // start bootstraps an empty storage if the settings say so, unseals unless the intent is sealed, and starts the
  // thread that heals. Trouble is logged and tried again, so start returns while the storage is away.
  // on_unsealed  is called after each unseal, on the thread that unsealed; one call at a time. What it throws
  //              is logged.
  void start(std::function<void()> on_unsealed);

  // status reads the seal. Threads: any number at once; it does not wait for changes under way.
  SealStatus status();

  // init makes a store; the caller's session decides whether it may. Afterwards the store is sealed. The root
  // token is a new one of OperatorTokens. The setup token, if there is one, is revoked.
  // pgp_keys  one for each share: base64 of an OpenPGP public key, binary or armored.
  // Throws    Failure 400: no keys, or not one for each share.
  InitAnswer init(strongroom_abi::Session& caller, unsigned shares, unsigned threshold,
                  const std::vector<std::string>& pgp_keys);

  // init_status returns what the store shows of its making: the encrypted keys and their fingerprints, and never a
  // token.
  InitAnswer init_status();

  // unseal takes one share, or a key, with white space around it. It is the authority: no caller is asked for.
  // The intent becomes unsealed when the store has its keys. An unsealed store stays as it is.
  // lift_lock  an operator's lock, of `strongroom seal`, is removed with it.
  // Throws     strongroom_abi::Error, as unseal_share; nothing is counted for a wrong share.
  SealStatus unseal(std::string_view share, bool lift_lock);

  // auto_unseal unseals with the keys at hand, and the intent becomes unsealed. The caller's session decides
  // whether it may; while sealed, only trusted sessions and administrators can.
  // encrypted_key  one of the keys that init returned, in hex, which this server decrypts; "": everything at
  //                hand is tried.
  // Throws  Failure 409 where this server has no key that opens the store, or an operator locked it: what to do
  //         instead. Failure 400: the store has no such encrypted key. Failure 404: there is no store.
  SealStatus auto_unseal(strongroom_abi::Session& caller, std::string_view encrypted_key);

  // seal wipes the keys of this server, and it stays sealed, also after a restart. The caller's session decides.
  // Throws  Failure 500: it is sealed, but that could not be written down.
  void seal(strongroom_abi::Session& caller);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strongroomd
