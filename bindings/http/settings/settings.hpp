// settings.hpp: how strongroomd runs: the options of its command line over those of its configuration file.
//
// No setting is a secret: the file may be shown to others, and names files that may not. It must not be writable
// by others, since it decides who is trusted.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace strongroomd {

// IdentityText names an identity as the policy tools do: "user:ID", "service:ID", "administrator:ID", then
// "+group:NAME" for each group and "@SPACE" for the space of a service; or "trusted".
using IdentityText = std::string;

struct TlsSettings {
  std::string cert_file;
  std::string key_file;
  std::string client_ca_file;  // "": no client certificates
  bool operator==(const TlsSettings&) const = default;
};

struct AuditSettings {
  std::string file;  // "": STATE_DIR/audit.log
  bool enabled = true;
  bool serve_without = false;  // true: requests are served, and counted, while it cannot be written
  bool hash_paths = false;     // true: paths are written as a keyed hash
  bool operator==(const AuditSettings&) const = default;
};

// JwtSettings say whose JSON Web Tokens are accepted.
struct JwtSettings {
  std::vector<std::string> key_files;  // PEM public keys or certificates, or JWK sets (RFC 7517)
  std::string algorithm = "RS256";     // or ES256: the only one that is accepted
  std::string user_claim = "uid";      // whose id it is
  std::string issuer;                  // "": any
  std::string audience;                // "": any
  std::uint32_t skew_s = 60;           // how far clocks may differ
  std::map<std::string, IdentityText> identities;  // by id; others are "user:ID"
  bool operator==(const JwtSettings&) const = default;
};

struct LoginSettings {
  std::string users_file;  // lines of uid:hash, of Argon2id (crypto_pwhash_str); "": none
  std::map<std::string, std::string>
      service_keys;  // by uid: the PEM public key of its service token
  std::uint32_t token_lifetime_s = 5 * 24 * 3600;
  bool operator==(const LoginSettings&) const = default;
};

struct CertificateRule {
  std::string uri;      // a URI of the certificate, exactly; or
  std::string subject;  // its whole distinguished name
  IdentityText identity;
  bool operator==(const CertificateRule&) const = default;
};

struct PeerRule {
  uid_t uid;
  IdentityText identity;
  bool operator==(const PeerRule&) const = default;
};

struct Limits {
  std::uint32_t connections = 1000;
  std::uint32_t body_bytes = 2 * 1024 * 1024;
  std::uint32_t header_bytes = 32 * 1024;  // of one request: its line and its header fields
  std::uint32_t request_timeout_s =
      60;  // from connecting, or the response before, to the next response
  std::size_t memory_bytes = 64 * 1024 * 1024;  // locked memory for values and bodies
  bool operator==(const Limits&) const = default;
};

struct Settings {
  std::string store;
  std::string zk_auth_file;
  std::string state_dir;
  std::vector<std::string>
      listen;                // "127.0.0.1:1337", "[::1]:1337", "unix:/run/strongroomd.socket"
  bool allow_plain = false;  // plain HTTP on other addresses than loopback
  bool bootstrap = false;
  bool escrow_in_store = false;
  bool allow_dots =
      false;  // paths may contain any character of a strongroom path, not only DC/OS' own
  std::string key_file;       // a key slot of this server; "": none
  std::uint32_t threads = 0;  // that serve connections; 0: one for each processor
  TlsSettings tls;
  AuditSettings audit;
  JwtSettings jwt;
  LoginSettings login;
  std::vector<CertificateRule> certificates;
  std::vector<PeerRule> unix_peers;
  Limits limits;
  bool operator==(const Settings&) const = default;
};

// SettingsError is what is wrong with the command line or the file, in one sentence, with what to do.
class SettingsError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// ListenAddress is one of Settings::listen, taken apart.
struct ListenAddress {
  bool is_unix = false;
  bool is_ipv6 = false;
  bool is_loopback = false;  // 127.0.0.0/8 or ::1; of a TCP address
  std::string host;          // the numeric address without brackets; of a Unix socket its path
  std::uint16_t port = 0;    // 0: any free one
};

// parse_listen reads "127.0.0.1:1337", "[::1]:1337" or "unix:/absolute/path". Names of hosts are no addresses:
// what they stand for may change.
// Throws  SettingsError.
ListenAddress parse_listen(const std::string& text);

// Task is what the command line asks for.
enum class Task : std::uint8_t { serve, hash_password, help, version };

struct Invocation {
  Task task = Task::serve;
  Settings settings;  // complete and checked, to serve; otherwise empty
};

// parse_settings reads a command line, and the file that it names.
// Throws  SettingsError.
Invocation parse_settings(int argc, const char* const* argv);

// settings_help is the text of --help.
std::string settings_help();

// complete_settings puts in the defaults that depend on other settings (listen, store), makes the state directory
// an absolute path, and checks what settings mean together.
// Throws  SettingsError.
void complete_settings(Settings& settings);

// read_settings_file sets what a TOML file sets, and leaves the rest as it is.
// Throws  SettingsError with the line: an unknown key, a wrong type, a number out of range, ...; also where others
//         could write to the file.
void read_settings_file(const std::string& file, Settings& settings);

// read_settings_text is read_settings_file for a text. name stands for the file in messages.
void read_settings_text(std::string_view text, const std::string& name, Settings& settings);

// settings_keys returns every key of the file, with its section: "store", "limits.connections", ...
std::vector<std::string> settings_keys();

}  // namespace strongroomd
