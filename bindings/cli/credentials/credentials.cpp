// credentials.cpp: where shares and keys come from; see credentials.hpp.
#include "credentials/credentials.hpp"

#include <string.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "credentials/share_forms.hpp"
#include "store/failure.hpp"
#include "terminal/input.hpp"
#include "terminal/terminal.hpp"

namespace strongroom_cli {
namespace {

using strongroom_abi::Error;
using strongroom_abi::Secret;

constexpr std::size_t kMaxShareFileLen = std::size_t{1} << 20;  // 255 wrapped shares of RSA-4096
constexpr std::size_t kMaxPrivateKeyLen = std::size_t{1} << 18;
constexpr const char* kStrongroomKey = "STRONGROOM_KEY";
constexpr const char* kCredentialName = "strongroom.key";

std::string_view first_line(std::string_view text) {
  return text.substr(0, text.find_first_of("\r\n"));
}

// The engine has one status for a wrong key and a wrong passphrase, and two messages.
bool wants_passphrase(const Error& error) {
  return error.status() == STRONGROOM_DENIED &&
         std::string_view(error.what()).find("passphrase") != std::string_view::npos;
}

// refuse_bad_key throws with the name of the file where the file itself is bad: no other message can help.
void refuse_bad_key(const Error& error, const std::string& name) {
  constexpr std::string_view kBegin = "the private key ";
  const std::string_view message = error.what();
  if (error.status() != STRONGROOM_INVALID || !message.starts_with(kBegin)) return;
  throw Failure(kExitInvalid,
                "the private key " + name + " " + std::string(message.substr(kBegin.size())));
}

// systemd_credential returns the name of the file, or nothing where there is none.
std::string systemd_credential() {
  const char* const folder = ::secure_getenv("CREDENTIALS_DIRECTORY");
  if (folder == nullptr || *folder == '\0') return {};
  const std::string file = std::string(folder) + "/" + kCredentialName;
  return ::access(file.c_str(), F_OK) == 0 ? file : std::string();
}

}  // namespace

PrivateKeys::PrivateKeys(const Options& options) {
  std::optional<Secret> passphrase;
  if (!options.pgp_passphrase_file.empty()) {
    passphrase = read_private(options.pgp_passphrase_file, 4096, "the passphrase file",
                              {options.allow_readable});
  }
  for (const std::string& file : options.pgp_private_keys) {
    Secret text =
        read_private(file, kMaxPrivateKeyLen, "the private key", {options.allow_readable});
    Key key{name_of(file), std::move(text), {}, true};
    if (passphrase) {
      const std::string_view line = first_line(passphrase->reveal());
      key.passphrase = copy_secret(line, line.size());
      key.may_ask = false;
    }
    keys_.push_back(std::move(key));
  }
}

Secret PrivateKeys::open_by(Key& key, strongroom_abi::Session& session, std::string_view message) {
  for (;;) {
    try {
      return session.unwrap(message, key.text.reveal(),
                            key.passphrase ? key.passphrase->reveal() : std::string_view());
    } catch (const Error& error) {
      refuse_bad_key(error, key.name);
      if (wants_passphrase(error) && key.passphrase && key.passphrase->reveal().empty()) {
        throw Failure(
            kExitDenied,
            key.name + ": the private key has a passphrase, and the passphrase given is empty");
      }
      if (!wants_passphrase(error) || !std::exchange(key.may_ask, false)) throw;
      if (!can_ask()) {
        throw Failure(kExitDenied, key.name +
                                       ": the private key has a passphrase, and none was "
                                       "given; use --pgp-passphrase-file");
      }
    }
    key.passphrase = ask("The passphrase of the private key " + key.name + " (not shown): ");
  }
}

Secret PrivateKeys::open(strongroom_abi::Session& session, std::string_view message) {
  std::optional<Error> nearest;
  for (Key& key : keys_) {
    try {
      return open_by(key, session, message);
    } catch (const Error& error) {
      if (!nearest || wants_passphrase(error)) nearest = error;
    }
  }
  throw *nearest;
}

void Credentials::add(Secret text, const std::string& from) {
  texts_.push_back(std::move(text));
  lines_.push_back({texts_.back().reveal(), from});
}

void Credentials::add_lines(Secret text, const std::string& from) {
  texts_.push_back(std::move(text));
  for (const SharePart& part : share_parts(texts_.back().reveal(), from)) {
    lines_.push_back(
        {part.text, part.line == 0 ? from : from + " line " + std::to_string(part.line)});
  }
}

void Credentials::add_share(Secret text, const std::string& from, strongroom_abi::Session& session,
                            PrivateKeys& keys) {
  const auto parts = share_parts(text.reveal(), from);
  std::size_t opened = 0;
  std::optional<Error> trouble;
  for (const SharePart& part : parts) {
    if (!part.encrypted) {
      add(copy_secret(part.text, part.text.size()),
          part.line == 0 ? from : from + " line " + std::to_string(part.line));
      ++opened;
      continue;
    }
    if (keys.empty()) {
      throw Failure(kExitInvalid, from +
                                      " is a share that is still encrypted by OpenPGP; give the "
                                      "private key with --pgp-private-key, or decrypt it first: "
                                      "gpg --decrypt");
    }
    try {
      add(keys.open(session, part.text), from);
      ++opened;
    } catch (const Error& error) {
      if (error.status() != STRONGROOM_DENIED && error.status() != STRONGROOM_INVALID) throw;
      if (!trouble || wants_passphrase(error)) trouble = error;
    }
  }
  // Of several shares, some may be for other keepers.
  if (opened == 0 && trouble) throw Failure(10 + trouble->status(), from + ": " + trouble->what());
}

void Credentials::add_wrapped(const strongroom_abi::Report& report,
                              strongroom_abi::Session& session, PrivateKeys& keys) {
  std::optional<Error> trouble;
  const std::size_t had = lines_.size();
  for (std::size_t i = 0; i < report.num_slots(); ++i) {
    const strongroom_slot slot = report.slot(i);
    for (std::size_t share = 0; share < slot.num_wrapped; ++share) {
      try {
        add(keys.open(session, report.wrapped(i, share).message),
            "share " + std::to_string(share + 1) + " of slot " + std::to_string(slot.id));
      } catch (const Error& error) {
        if (error.status() != STRONGROOM_DENIED) throw;
        if (!trouble || wants_passphrase(error)) trouble = error;
      }
    }
  }
  if (lines_.size() > had) return;
  if (!trouble) {
    throw Failure(kExitDenied,
                  "the store keeps no share that is wrapped to an OpenPGP key; give the shares "
                  "with --share");
  }
  if (wants_passphrase(*trouble)) throw Error(*trouble);
  throw Failure(kExitDenied,
                "none of the shares in the store is encrypted to the private key; 'strongroom "
                "slots' shows the keys that they are encrypted to");
}

Credentials gather_credentials(const Options& options, const strongroom_abi::Report& report,
                               strongroom_abi::Session& session) {
  Credentials credentials;
  PrivateKeys keys(options);
  for (const std::string& file : options.share_files) {
    credentials.add_share(read_share(file), name_of(file), session, keys);
  }
  if (!options.key_file.empty()) {
    credentials.add_lines(read_key_file(options.key_file, {options.allow_readable}),
                          name_of(options.key_file));
  }
  if (!keys.empty() && options.share_files.empty()) credentials.add_wrapped(report, session, keys);
  const bool named = !options.share_files.empty() || !options.key_file.empty() || !keys.empty();
  if (named && credentials.lines().empty()) {
    throw Failure(kExitInvalid, "the files with credentials are empty");
  }
  if (named) return credentials;
  if (options.environment_key) {
    const std::string_view text = options.environment_key->reveal();
    refuse_mark(text, kStrongroomKey);
    credentials.add_lines(copy_secret(text, text.size()), kStrongroomKey);
  } else if (const std::string file = systemd_credential(); !file.empty()) {
    // systemd keeps others out by the folder; the mode of its files may allow a group.
    credentials.add_lines(read_secret_text(file, kMaxShareFileLen, "the systemd credential"),
                          "the systemd credential " + std::string(kCredentialName));
  }
  return credentials;
}

std::optional<Secret> take_environment(const char* name) {
  char* const value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  std::optional<Secret> secret;
  if (*value != '\0') secret = take_argument(value);
  ::unsetenv(name);
  return secret;
}

Secret read_share(const std::string& file) {
  return read_secret_text(file, kMaxShareFileLen, "the share");
}

std::string name_of(const std::string& file) {
  return file == "-" ? "standard input" : "'" + file + "'";
}

}  // namespace strongroom_cli
