// openpgp_fixture.hpp: keys made by gpg, the helper that was built, and helpers that misbehave.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "gpg_home.hpp"
#include "secret_text.hpp"
#include "strongroom/backend.hpp"
#include "strongroom/impl/crypto/base64.hpp"
#include "strongroom/openpgp.hpp"

namespace strongroom::testing {

inline const std::string kShareText =
    "01a5c3f00d4b1e2233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566";
inline const std::string kPassphrase = "correct horse battery staple";

inline Bytes bytes(std::string_view text) {
  return {text.begin(), text.end()};
}

inline std::string hex(const Bytes& bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    for (const int digit : {byte >> 4, byte & 15}) text += "0123456789ABCDEF"[digit];
  }
  return text;
}

inline std::string base64(const Bytes& bytes) {
  std::string text(base64_encoded_len(bytes.size()), '\0');
  base64_encode(SecretView(bytes), reinterpret_cast<std::uint8_t*>(text.data()));
  return text;
}

inline std::string wrapped_at(const std::string& text, std::size_t width) {
  std::string lines;
  for (std::size_t at = 0; at < text.size(); at += width) lines += text.substr(at, width) + "\r\n";
  return lines;
}

// Keys are made once for the whole program.
struct Keys {
  GpgHome home;

  Keys() {
    const std::string rsa =
        "Key-Type: RSA\nKey-Usage: sign\nSubkey-Type: RSA\n"
        "Subkey-Usage: encrypt\n";
    const std::string curve =
        "Key-Type: EDDSA\nKey-Curve: ed25519\nSubkey-Type: ECDH\nSubkey-Curve: cv25519\n"
        "Subkey-Usage: encrypt";
    home.make_key("rsa2048", rsa + "Key-Length: 2048\nSubkey-Length: 2048");
    home.make_key("rsa1024", rsa + "Key-Length: 1024\nSubkey-Length: 1024");
    home.make_key("curve", curve);
    home.make_key("guarded", curve + "\nPassphrase: " + kPassphrase);
    home.make_key("nist",
                  "Key-Type: ECDSA\nKey-Curve: nistp256\nSubkey-Type: ECDH\n"
                  "Subkey-Curve: nistp256\nSubkey-Usage: encrypt");
    home.make_key("signonly", "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign");
    home.make_key("expired", curve + "\nExpire-Date: 20200601T000000",
                  {"--faked-system-time", "20200101T000000"});
    home.make_key("oldsubkey", curve);
    home.gpg({"--quick-set-expire", home.fingerprint("oldsubkey"), "seconds=1", "*"});
    home.make_key("revoked", curve);
    revoke(home, "revoked");
  }

  static Keys& instance() {
    static Keys keys;
    return keys;
  }

  // revoke imports the certificate that gpg made with the key, behind a colon against accidents.
  static void revoke(const GpgHome& home, const std::string& name) {
    const auto file = home.path() / "openpgp-revocs.d" / (home.fingerprint(name) + ".rev");
    const Bytes made = GpgHome::read(file);
    std::string text(made.begin(), made.end());
    const std::size_t colon = text.find(":-----BEGIN");
    if (colon == std::string::npos) throw std::runtime_error("no revocation of " + name);
    home.gpg({"--import"}, bytes(text.substr(colon + 1)));
  }
};

class OpenPgpTest : public ::testing::Test {
 protected:
  static std::string helper() {
    const char* named = std::getenv("STRONGROOM_OPENPGP_HELPER");
    return named == nullptr ? "" : named;
  }
  static std::shared_ptr<OpenPgp> real(Timeout timeout = Timeout{60'000}) {
    return openpgp_helper(helper(), timeout);
  }
  static const GpgHome& home() { return Keys::instance().home; }

  static Result<std::vector<WrappedShare>> wrap(const std::vector<std::string>& texts,
                                                const std::vector<Bytes>& keys) {
    std::vector<SecretView> views;
    for (const std::string& text : texts) views.push_back(view(text));
    const std::vector<ByteView> key_views(keys.begin(), keys.end());
    return real()->wrap(views, key_views);
  }
  static Result<std::vector<WrappedShare>> inspect(const std::vector<Bytes>& keys) {
    return wrap({}, keys);
  }
  static Result<SecretBytes> unwrap(const Bytes& message, const Bytes& private_key,
                                    std::string_view passphrase = {}) {
    return real()->unwrap(message, SecretView(private_key), view(passphrase));
  }

  // script makes a helper out of a shell script; the socket is its standard input.
  static std::string script(const std::string& name, const std::string& body) {
    const auto file = home().path() / name;
    GpgHome::write(file, bytes("#!/bin/sh\n" + body + "\n"));
    ::chmod(file.c_str(), 0755);
    return file;
  }
  // printed writes bytes to the engine, from a script.
  static std::string printed(const Bytes& answer) {
    std::string command = "printf '";
    for (const std::uint8_t byte : answer) {
      command += '\\';
      for (const int shift : {6, 3, 0}) command += static_cast<char>('0' + (byte >> shift & 7));
    }
    return command + "' >&0\n";
  }

  static bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) >= 0; }
};

}  // namespace strongroom::testing
