// credentials.hpp: the shares and keys that this process was given, wherever they come from.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom_abi.hpp"
#include "syntax/options.hpp"

namespace strongroom_cli {

// PrivateKeys are OpenPGP private keys at hand, with the passphrases that they turned out to need.
class PrivateKeys {
 public:
  explicit PrivateKeys(const Options& options);

  bool empty() const noexcept { return keys_.empty(); }

  // open decrypts a message by one of the keys, asking for a passphrase where that is needed and a
  // person is there.
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

// Credentials are texts of shares and keys, with where each came from.
class Credentials {
 public:
  struct Line {
    std::string_view text;
    std::string from;
  };

  // add_lines takes a share or key a line, in clear.
  void add_lines(strongroom_abi::Secret text, const std::string& from);

  // add_share takes what --share takes, and decrypts what is encrypted.
  void add_share(strongroom_abi::Secret text, const std::string& from,
                 strongroom_abi::Session& session, PrivateKeys& keys);

  // add_wrapped takes those of the store's own wrapped shares that the keys open.
  // Throws  Failure: it has none, or they open none.
  void add_wrapped(const strongroom_abi::Report& report, strongroom_abi::Session& session,
                   PrivateKeys& keys);

  const std::vector<Line>& lines() const noexcept { return lines_; }

 private:
  void add(strongroom_abi::Secret text, const std::string& from);

  std::vector<strongroom_abi::Secret> texts_;
  std::vector<Line> lines_;  // in texts_, whose bytes stay where they are
};

// gather_credentials takes what the options name, else what STRONGROOM_KEY_FILE names, else
// STRONGROOM_KEY, else the systemd credential strongroom.key. It asks for no share or key.
// Returns  none, when there is none of these.
Credentials gather_credentials(const Options& options, const strongroom_abi::Report& report,
                               strongroom_abi::Session& session);

// take_environment moves the value of a variable into locked memory, and wipes it where it was:
// /proc/PID/environ and children do not have it. Nothing where it is empty or not there.
std::optional<strongroom_abi::Secret> take_environment(const char* name);

// read_share reads a file with shares; "-" is standard input.
strongroom_abi::Secret read_share(const std::string& file);

// name_of names a file in messages.
std::string name_of(const std::string& file);

}  // namespace strongroom_cli
