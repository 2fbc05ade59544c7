// credentials.hpp: the shares and keys that this process was given, from all sources.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom_abi.hpp"
#include "syntax/options.hpp"

namespace strongroom_cli {

// PrivateKeys are OpenPGP private keys, with the passphrases that they turn out to need.
class PrivateKeys {
 public:
  explicit PrivateKeys(const Options& options);

  bool empty() const noexcept { return keys_.empty(); }

  // open decrypts a message with one of the keys. It asks for a passphrase where one is needed and a person
  // is there.
  // Throws  Error of the key that came nearest.
  strongroom_abi::Secret open(strongroom_abi::Session& session, std::string_view message);

 private:
  struct Key {
    std::string name;
    strongroom_abi::Secret text;
    std::optional<strongroom_abi::Secret> passphrase;
    bool may_ask;
  };

  static strongroom_abi::Secret open_by(Key& key, strongroom_abi::Session& session,
                                        std::string_view message);

  std::vector<Key> keys_;
};

// Credentials are texts of shares and keys, each with its source.
class Credentials {
 public:
  struct Line {
    std::string_view text;
    std::string from;
  };

  // add_lines adds the shares or keys of a text in clear, one on each line.
  void add_lines(strongroom_abi::Secret text, const std::string& from);

  // add_share adds the shares of a --share file, and decrypts those that are encrypted.
  void add_share(strongroom_abi::Secret text, const std::string& from,
                 strongroom_abi::Session& session, PrivateKeys& keys);

  // add_wrapped adds those of the store's own wrapped shares that the keys open.
  // Throws  Failure: the store has none, or the keys open none.
  void add_wrapped(const strongroom_abi::Report& report, strongroom_abi::Session& session,
                   PrivateKeys& keys);

  const std::vector<Line>& lines() const noexcept { return lines_; }

 private:
  void add(strongroom_abi::Secret text, const std::string& from);

  std::vector<strongroom_abi::Secret> texts_;
  std::vector<Line> lines_;  // parts of texts_, whose bytes do not move
};

// gather_credentials reads what the options name, or else what STRONGROOM_KEY_FILE names, or else
// STRONGROOM_KEY, or else the systemd credential strongroom.key. It asks for no share or key.
// Returns  no lines when there is none of these.
Credentials gather_credentials(const Options& options, const strongroom_abi::Report& report,
                               strongroom_abi::Session& session);

// take_environment moves the value of a variable into locked memory, and wipes it where it was, so that
// /proc/PID/environ and children do not have it. Returns nothing where it is empty or not set.
std::optional<strongroom_abi::Secret> take_environment(const char* name);

// read_share reads a file with shares; "-" is standard input.
strongroom_abi::Secret read_share(const std::string& file);

// name_of returns how messages name a file.
std::string name_of(const std::string& file);

}  // namespace strongroom_cli
