#include "settings/settings.hpp"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "settings/suggestion.hpp"

namespace strongroomd {
namespace {

constexpr const char* kDefaultListen = "127.0.0.1:1337";  // where DC/OS served its secrets

// Option is one option of the command line. value is null for one that is there or not.
struct Option {
  const char* name;
  const char* value;
  void (*set)(Settings& settings, const std::string& value);
  const char* about;  // lines are separated by '\n'
};

constexpr const char* kConfig = "--config";

const std::vector<Option>& options() {
  static const std::vector<Option> all = {
      {"--state-dir", "DIR", [](Settings& s, const std::string& v) { s.state_dir = v; },
       "the directory of this server's own state, made with mode 0700; needed"},
      {"--store", "URL", [](Settings& s, const std::string& v) { s.store = v; },
       "lmdb:/DIRECTORY or zk://HOST:PORT,HOST:PORT/ROOT;\ndefault: lmdb:STATE_DIR/store"},
      {"--zk-auth-file", "FILE", [](Settings& s, const std::string& v) { s.zk_auth_file = v; },
       "a file with user:password for a store in ZooKeeper"},
      {"--listen", "ADDRESS", [](Settings& s, const std::string& v) { s.listen.push_back(v); },
       "ADDR:PORT, [ADDR]:PORT or unix:/PATH; may be repeated;\ndefault: 127.0.0.1:1337"},
      {"--tls-cert", "FILE", [](Settings& s, const std::string& v) { s.tls.cert_file = v; },
       "the certificate chain, PEM: TCP addresses serve HTTPS"},
      {"--tls-key", "FILE", [](Settings& s, const std::string& v) { s.tls.key_file = v; },
       "the certificate's private key, PEM"},
      {"--allow-plain", nullptr, [](Settings& s, const std::string&) { s.allow_plain = true; },
       "serve plain HTTP on other addresses than loopback;\neverybody on the way reads the "
       "secrets"},
      {"--key-file", "FILE", [](Settings& s, const std::string& v) { s.key_file = v; },
       "a key of the store, which unseals it at the start"},
      {"--bootstrap", nullptr, [](Settings& s, const std::string&) { s.bootstrap = true; },
       "make a store if the storage has none, and keep its\nOpenPGP key in STATE_DIR"},
      {"--escrow-in-store", nullptr,
       [](Settings& s, const std::string&) { s.escrow_in_store = true; },
       "--bootstrap keeps that key in the storage as well, as\nDC/OS did: who has the storage has "
       "the secrets"},
      {kConfig, "FILE", [](Settings&, const std::string&) {},
       "read settings from this TOML file; options override it"},
      {"--help", nullptr, [](Settings&, const std::string&) {}, "print this"},
      {"--version", nullptr, [](Settings&, const std::string&) {}, "print the version"},
  };
  return all;
}

std::vector<std::string_view> option_names() {
  std::vector<std::string_view> names;
  for (const Option& each : options()) names.push_back(each.name);
  return names;
}

[[noreturn]] void refuse(const std::string& why) {
  throw SettingsError(why);
}

[[noreturn]] void refuse_usage(const std::string& why) {
  refuse(why.ends_with('?') ? why : why + "; see strongroomd --help");
}

// Given is an option that was given, with its value.
struct Given {
  const Option* option;
  std::string value;
};

const Option& option_named(const std::string& name) {
  for (const Option& each : options()) {
    if (name == each.name) return each;
  }
  // What was misplaced may be a secret, so it is repeated only if it looks like a name.
  refuse_usage("unknown option" + quoted_name(name) + did_you_mean(name, option_names()));
}

// Arguments are the words of a command line, taken one after the other.
class Arguments {
 public:
  Arguments(int argc, const char* const* argv) : words_(argv + std::min(argc, 1), argv + argc) {}

  std::optional<std::string> next() {
    if (at_ == words_.size()) return std::nullopt;
    return words_[at_++];
  }

 private:
  std::vector<std::string> words_;
  std::size_t at_ = 0;
};

Given take_option(const std::string& word, Arguments& arguments) {
  const std::size_t equals = word.find('=');
  const Option& option = option_named(word.substr(0, equals));
  const bool has_value = equals != std::string::npos;
  if (option.value == nullptr) {
    if (has_value) refuse_usage(std::string(option.name) + " takes no value");
    return {&option, ""};
  }
  const auto value = has_value ? std::optional(word.substr(equals + 1)) : arguments.next();
  if (!value || value->empty())
    refuse_usage(std::string(option.name) + " needs a value: " + option.name + " " + option.value);
  return {&option, *value};
}

void refuse_twice(const std::vector<Given>& given, const Option& option) {
  if (std::string_view(option.name) == "--listen") return;
  for (const Given& each : given) {
    if (each.option == &option) refuse_usage(std::string(option.name) + " is given twice");
  }
}

Settings settings_of(const std::vector<Given>& given) {
  Settings settings;
  for (const Given& each : given) {
    if (std::string_view(each.option->name) == kConfig) read_settings_file(each.value, settings);
  }
  for (const Given& each : given) {  // the first --listen replaces those of the file
    if (std::string_view(each.option->name) == "--listen") settings.listen.clear();
  }
  for (const Given& each : given) each.option->set(settings, each.value);
  return settings;
}

// ---- what settings mean together ----

std::uint16_t port_of(const std::string& text, const std::string& digits) {
  const bool is_number = !digits.empty() && digits.size() <= 5 &&
                         digits.find_first_not_of("0123456789") == std::string::npos;
  const int port = is_number ? std::stoi(digits) : 65536;
  if (port > 65535)
    refuse("the address '" + text + "' must end with a port from 0 to 65535, as in " +
           kDefaultListen);
  return static_cast<std::uint16_t>(port);
}

ListenAddress parse_unix(const std::string& text) {
  ListenAddress address;
  address.is_unix = true;
  address.host = text.substr(5);
  if (address.host.empty() || address.host.front() != '/' || address.host.back() == '/')
    refuse("the address '" + text + "' must name a socket by its absolute path: unix:/PATH");
  if (address.host.size() >= sizeof(sockaddr_un::sun_path))
    refuse("the path of the address '" + text + "' is longer than 107 bytes");
  return address;
}

ListenAddress parse_ipv6(const std::string& text) {
  const std::size_t end = text.find("]:");
  std::array<unsigned char, 16> bytes{};
  ListenAddress address;
  address.is_ipv6 = true;
  if (end != std::string::npos) address.host = text.substr(1, end - 1);
  if (::inet_pton(AF_INET6, address.host.c_str(), bytes.data()) != 1)
    refuse("the address '" + text + "' must be as [::1]:1337");
  address.port = port_of(text, text.substr(end + 2));
  constexpr std::array<unsigned char, 16> kLoopback = {0, 0, 0, 0, 0, 0, 0, 0,
                                                       0, 0, 0, 0, 0, 0, 0, 1};
  address.is_loopback = bytes == kLoopback;
  return address;
}

ListenAddress parse_ipv4(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  std::array<unsigned char, 4> bytes{};
  ListenAddress address;
  address.host = text.substr(0, colon);
  if (::inet_pton(AF_INET, address.host.c_str(), bytes.data()) != 1)
    refuse("the address '" + text +
           "' must have a numeric address: 127.0.0.1:PORT for this machine only, 0.0.0.0:PORT or "
           "[::]:PORT for all networks, [ADDR]:PORT for IPv6, or unix:/PATH");
  address.port = port_of(text, colon == std::string::npos ? "" : text.substr(colon + 1));
  address.is_loopback = bytes[0] == 127;
  return address;
}

void check_listen(const Settings& settings) {
  std::set<std::string> seen;
  bool has_unix = false;
  for (const std::string& text : settings.listen) {
    const ListenAddress address = parse_listen(text);
    has_unix = has_unix || address.is_unix;
    if (!seen.insert(text).second) refuse("the address '" + text + "' is given twice");
    const bool is_plain = settings.tls.cert_file.empty() && !address.is_unix;
    if (is_plain && !address.is_loopback && !settings.allow_plain)
      refuse("on the address '" + text +
             "' secrets would pass in clear; give --tls-cert and --tls-key, or --allow-plain if "
             "something else encrypts");
  }
  if (!settings.unix_peers.empty() && !has_unix)
    refuse("[[unix_peers]] need an address to listen at that begins with unix:");
}

void check_tls(const Settings& settings) {
  const TlsSettings& tls = settings.tls;
  if (tls.cert_file.empty() != tls.key_file.empty())
    refuse("TLS needs both a certificate and its private key: --tls-cert and --tls-key");
  if (!tls.client_ca_file.empty() && tls.cert_file.empty())
    refuse("client certificates (tls.client_ca_file) need TLS: --tls-cert and --tls-key");
  if (!settings.certificates.empty() && tls.client_ca_file.empty())
    refuse("[[certificates]] need tls.client_ca_file: who issues them");
}

void check_store(const Settings& settings) {
  if (!settings.zk_auth_file.empty() && !settings.store.starts_with("zk:"))
    refuse("--zk-auth-file is for a store in ZooKeeper: --store zk://HOST:PORT/ROOT");
  if (settings.escrow_in_store && !settings.bootstrap)
    refuse("--escrow-in-store says what --bootstrap does, and needs it");
}

// No member may contain a NUL: the kernel and the library would read a shorter text.
void check_plain_text(const Settings& settings) {
  const auto check = [](const std::string& text, const char* what) {
    if (text.find_first_of(std::string_view("\0\n\r", 3)) != std::string::npos)
      refuse(std::string(what) + " must be one line of text");
  };
  check(settings.state_dir, "--state-dir");
  check(settings.store, "--store");
  check(settings.zk_auth_file, "--zk-auth-file");
  check(settings.key_file, "--key-file");
  check(settings.tls.cert_file, "--tls-cert");
  check(settings.tls.key_file, "--tls-key");
  check(settings.tls.client_ca_file, "tls.client_ca_file");
  for (const std::string& text : settings.listen) check(text, "--listen");
}

std::string help_row(const Option& option) {
  constexpr std::size_t kColumn = 26;
  std::string left = std::string("  ") + option.name;
  if (option.value != nullptr) left += std::string(" ") + option.value;
  std::string row;
  std::string_view about = option.about;
  while (!about.empty()) {
    const std::string_view line = about.substr(0, about.find('\n'));
    left.resize(std::max(left.size() + 1, kColumn), ' ');
    row += left + std::string(line) + "\n";
    left.clear();
    about.remove_prefix(std::min(about.size(), line.size() + 1));
  }
  return row;
}

}  // namespace

ListenAddress parse_listen(const std::string& text) {
  if (text.starts_with("unix:")) return parse_unix(text);
  return text.starts_with('[') ? parse_ipv6(text) : parse_ipv4(text);
}

void complete_settings(Settings& settings) {
  if (settings.state_dir.empty())
    refuse_usage("no state directory was named; give --state-dir DIR");
  check_plain_text(settings);
  settings.state_dir = std::filesystem::absolute(settings.state_dir).lexically_normal();
  if (settings.state_dir.size() > 1 && settings.state_dir.back() == '/')
    settings.state_dir.pop_back();
  if (settings.store.empty()) {
    if (settings.state_dir.find('?') != std::string::npos)
      refuse(
          "the name of the state directory has a '?', so the store cannot be below it; give "
          "--store URL");
    settings.store = "lmdb:" + settings.state_dir + "/store";
  }
  if (settings.listen.empty()) settings.listen = {kDefaultListen};
  check_store(settings);
  check_tls(settings);
  check_listen(settings);
}

Invocation parse_settings(int argc, const char* const* argv) {
  Arguments arguments(argc, argv);
  Invocation invocation;
  std::vector<Given> given;
  bool is_first = true;
  while (const auto word = arguments.next()) {
    const bool was_first = std::exchange(is_first, false);
    if (*word == "-h" || *word == "--help") return {Task::help, {}};
    if (*word == "--version") return {Task::version, {}};
    if (was_first && *word == "hash-password") {
      invocation.task = Task::hash_password;
      continue;
    }
    if (!word->starts_with("--") || word->size() == 2 || invocation.task != Task::serve)
      refuse_usage("unexpected argument" + quoted_name(*word) +
                   did_you_mean(*word, {"hash-password"}));
    Given taken = take_option(*word, arguments);
    refuse_twice(given, *taken.option);
    given.push_back(std::move(taken));
  }
  if (invocation.task != Task::serve) return invocation;
  invocation.settings = settings_of(given);
  complete_settings(invocation.settings);
  return invocation;
}

std::string settings_help() {
  std::string text =
      R"(strongroomd serves the secrets of a strongroom store over HTTP, with the Secrets API of DC/OS.

Usage: strongroomd --state-dir DIR [OPTIONS]
       strongroomd hash-password

  To try it out, or for one machine: strongroomd --state-dir /var/lib/strongroomd --bootstrap
  makes a store, serves it at 127.0.0.1:1337, and leaves the administrator's token in
  /var/lib/strongroomd/root-token.

Options:
)";
  for (const Option& each : options()) text += help_row(each);
  return text + R"(
'hash-password' asks for a password, and prints the hash to put into a file of users.

The file has more settings: who may log in, whose certificates and JSON Web Tokens are accepted, the audit
log, and limits. share/strongroom/strongroomd.toml explains each. It contains no secrets.

Without --bootstrap and without a store, STATE_DIR/setup-token has a token for PUT /secrets/v1/init/default.
)";
}

}  // namespace strongroomd
