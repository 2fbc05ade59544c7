// handout.hpp: making new credentials and handing them to their keepers: what init, the slot commands and
// migrate share.
//
// Nothing takes effect before the credentials are out: key files are on the disk, what is printed
// has left standard output. Only then is there something to activate.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "credentials/new_credentials.hpp"
#include "store/access.hpp"
#include "strongroom_abi.hpp"
#include "terminal/files.hpp"
#include "terminal/output.hpp"

namespace strongroom_cli {

// KeyRequest is what the engine is asked for: counts, and the OpenPGP keys that were read or made.
class KeyRequest {
 public:
  // access  to the store that gets the credentials.
  KeyRequest(const NewCredentials& wanted, Access& access);

  strongroom_init_options init_options(std::uint32_t max_secret_len) const;

  // prepare calls make, which passes the keys to the engine. The engine knows them by number; an error gets
  // the name of the file.
  template <typename Make>
  strongroom_abi::Pending prepare(Make make) const try {
    return make();
  } catch (const strongroom_abi::Error& error) {
    refuse_by_file_name(error);
    throw;
  }

  // slots_options leaves the slots to remove empty.
  strongroom_slots_options slots_options() const;

  std::uint32_t threshold() const noexcept { return threshold_; }
  const std::optional<strongroom_abi::Secret>& private_key() const noexcept { return private_key_; }

 private:
  void read_public_key(const std::string& file);
  void refuse_by_file_name(const strongroom_abi::Error& error) const;
  void make_pair(const NewCredentials& wanted, Access& access);

  const NewCredentials& wanted_;
  std::uint32_t shares_ = 0;
  std::uint32_t threshold_ = 0;
  std::vector<strongroom_abi::Secret> public_keys_;  // one may be a private key by mistake
  std::vector<strongroom_bytes> borrowed_;           // of public_keys_
  std::optional<strongroom_abi::Secret> private_key_;
};

// Handout is credentials that are out. Their files are removed again unless the change takes effect.
class Handout {
 public:
  Handout(const strongroom_abi::Pending& pending, const KeyRequest& request,
          const NewCredentials& wanted, const Access& access);

  // print writes what people keep to standard output, and returns when it is out.
  void print(bool json, bool new_store) const;

  // bare is true when only a key is handed out: its line is printed as it is, for a pipe.
  bool bare() const noexcept;

  // activate runs the function that makes the change take effect. A signal waits until that is decided: the
  // files of a change that took effect must stay. Long work stops at a signal by its progress, which throws
  // Interrupted.
  template <typename F>
  void activate(F change) {
    const Undivided undivided;
    try {
      change();
    } catch (const strongroom_abi::Error& error) {
      failed(error);
    }
    keep();
    if (held_signal() != 0) complain("the change took effect before it was interrupted");
  }

 private:
  void keep();
  [[noreturn]] void failed(const strongroom_abi::Error& error);
  void print_key() const;
  void print_json(bool new_store) const;
  void print_text(bool new_store) const;
  void print_shares(SecretOutput& out) const;
  void print_wrapped(SecretOutput& out) const;

  const strongroom_abi::Pending& pending_;
  const KeyRequest& request_;
  const NewCredentials& wanted_;
  std::vector<NewFile> files_;
};

// give_back checks that new credentials arrived, where that was asked for: from the key file, from the
// files that --share-back names, or typed in by a person.
// Throws  Failure: not all came back.
void give_back(strongroom_abi::Pending& pending, const KeyRequest& request,
               const NewCredentials& wanted, const Options& options, Access& access);

}  // namespace strongroom_cli
