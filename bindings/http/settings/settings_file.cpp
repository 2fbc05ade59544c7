// The one source that includes toml++.
#include <fcntl.h>
#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <set>
#include <utility>
#include <variant>

#include "settings/settings.hpp"
#include "settings/suggestion.hpp"

namespace strongroomd {
namespace {

constexpr off_t kMaxSettingsLen = off_t{1} << 20;
constexpr std::uint64_t kMaxUid = std::numeric_limits<std::uint32_t>::max() - 1;

using Texts = std::vector<std::string>;
using TextMap = std::map<std::string, std::string>;

struct Range {
  std::uint64_t least;
  std::uint64_t most;
};

// Key is one key of a section: where its value goes, and for a number its range.
template <typename Section>
struct Key {
  const char* name;
  std::variant<std::string Section::*, bool Section::*, std::uint32_t Section::*,
               std::size_t Section::*, Texts Section::*, TextMap Section::*>
      place;
  std::uint64_t least = 0;
  std::uint64_t most = 0;
};
template <typename Section>
using Keys = std::vector<Key<Section>>;

const Keys<Settings>& server_keys() {
  static const Keys<Settings> keys = {
      {"state_dir", &Settings::state_dir},       {"store", &Settings::store},
      {"zk_auth_file", &Settings::zk_auth_file}, {"listen", &Settings::listen},
      {"allow_plain", &Settings::allow_plain},   {"allow_dots", &Settings::allow_dots},
      {"bootstrap", &Settings::bootstrap},       {"escrow_in_store", &Settings::escrow_in_store},
      {"key_file", &Settings::key_file},         {"threads", &Settings::threads, 0, 1024},
  };
  return keys;
}

const Keys<TlsSettings>& tls_keys() {
  static const Keys<TlsSettings> keys = {
      {"cert_file", &TlsSettings::cert_file},
      {"key_file", &TlsSettings::key_file},
      {"client_ca_file", &TlsSettings::client_ca_file},
  };
  return keys;
}

const Keys<AuditSettings>& audit_keys() {
  static const Keys<AuditSettings> keys = {
      {"enabled", &AuditSettings::enabled},
      {"file", &AuditSettings::file},
      {"serve_without", &AuditSettings::serve_without},
      {"hash_paths", &AuditSettings::hash_paths},
  };
  return keys;
}

const Keys<JwtSettings>& jwt_keys() {
  static const Keys<JwtSettings> keys = {
      {"key_files", &JwtSettings::key_files},   {"algorithm", &JwtSettings::algorithm},
      {"user_claim", &JwtSettings::user_claim}, {"issuer", &JwtSettings::issuer},
      {"audience", &JwtSettings::audience},     {"skew_s", &JwtSettings::skew_s, 0, 3600},
      {"identities", &JwtSettings::identities},
  };
  return keys;
}

const Keys<LoginSettings>& login_keys() {
  static const Keys<LoginSettings> keys = {
      {"users_file", &LoginSettings::users_file},
      {"token_lifetime_s", &LoginSettings::token_lifetime_s, 60, 366 * 24 * 3600},
      {"service_keys", &LoginSettings::service_keys},
  };
  return keys;
}

const Keys<CertificateRule>& certificate_keys() {
  static const Keys<CertificateRule> keys = {
      {"uri", &CertificateRule::uri},
      {"subject", &CertificateRule::subject},
      {"identity", &CertificateRule::identity},
  };
  return keys;
}

const Keys<PeerRule>& peer_keys() {
  static const Keys<PeerRule> keys = {
      {"uid", &PeerRule::uid, 0, kMaxUid},
      {"identity", &PeerRule::identity},
  };
  return keys;
}

const Keys<Limits>& limit_keys() {
  static const Keys<Limits> keys = {
      {"connections", &Limits::connections, 1, 100'000},
      {"body_bytes", &Limits::body_bytes, 4096, 128 << 20},
      {"header_bytes", &Limits::header_bytes, 1024, 1 << 20},
      {"request_timeout_s", &Limits::request_timeout_s, 1, 3600},
      {"memory_bytes", &Limits::memory_bytes, 1 << 20, std::uint64_t{1} << 40},
  };
  return keys;
}

const std::vector<std::string_view> kSections = {"tls",    "audit",        "jwt",       "login",
                                                 "limits", "certificates", "unix_peers"};

template <typename Section>
std::vector<std::string_view> names_of(const Keys<Section>& keys) {
  std::vector<std::string_view> names;
  for (const auto& key : keys) names.push_back(key.name);
  return names;
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

// Reader reads one text. Messages name the line.
class Reader {
 public:
  Reader(std::string name, Settings& settings) : name_(std::move(name)), settings_(settings) {}

  void read(std::string_view text);

 private:
  [[noreturn]] void refuse(const toml::source_region& where, const std::string& why) const {
    throw SettingsError(name_ + ", line " + std::to_string(where.begin.line) + ": " + why);
  }
  [[noreturn]] void refuse_key(const toml::key& key, const std::string& section,
                               const std::vector<std::string_view>& known) const;

  template <typename Section>
  void take(const toml::table& table, const std::string& section, const Keys<Section>& keys,
            Section& into, bool is_root = false);
  template <typename Section>
  void take_section(const toml::table& root, const char* section, const Keys<Section>& keys,
                    Section& into);
  template <typename Rule, typename Check>
  void take_rules(const toml::table& root, const char* section, const Keys<Rule>& keys,
                  std::vector<Rule>& into, Check check);

  // set and assign take a value of each type. what names the key in messages.
  template <typename Section>
  void set(const toml::node& node, const std::string& what, const Key<Section>& key,
           Section& into) const;
  void assign(const toml::node& node, const std::string& what, Range, std::string& into) const {
    into = text(node, what);
  }
  void assign(const toml::node& node, const std::string& what, Range, bool& into) const {
    into = truth(node, what);
  }
  void assign(const toml::node& node, const std::string& what, Range, Texts& into) const {
    into = texts(node, what);
  }
  // Inlined into sections without a map, GCC 12 sees an overflow in code that never runs.
  [[gnu::noinline]] void assign(const toml::node& node, const std::string& what, Range,
                                TextMap& into) const {
    into = text_map(node, what);
  }
  template <typename Number>
  void assign(const toml::node& node, const std::string& what, Range range, Number& into) const {
    into = static_cast<Number>(number(node, what, range));
  }
  std::string text(const toml::node& node, const std::string& what) const;
  bool truth(const toml::node& node, const std::string& what) const;
  std::uint64_t number(const toml::node& node, const std::string& what, Range range) const;
  Texts texts(const toml::node& node, const std::string& what) const;
  TextMap text_map(const toml::node& node, const std::string& what) const;

  void check_identity(const toml::source_region& where, const IdentityText& identity) const;
  void check_jwt(const toml::table& root) const;
  void check_limits(const toml::table& root) const;
  void check(const CertificateRule& rule, const toml::table& table) const;
  void check(const PeerRule& rule, const toml::table& table) const;

  const std::string name_;
  Settings& settings_;
};

void Reader::refuse_key(const toml::key& key, const std::string& section,
                        const std::vector<std::string_view>& known) const {
  const std::string where = section.empty() ? "" : " in [" + section + "]";
  refuse(key.source(),
         "unknown key" + quoted_name(key.str()) + where + did_you_mean(key.str(), known));
}

std::string Reader::text(const toml::node& node, const std::string& what) const {
  const auto value = node.value_exact<std::string>();
  if (!value) refuse(node.source(), what + " must be a text in quotes");
  for (const char c : *value) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      refuse(node.source(), what + " has a control character in it");
  }
  return *value;
}

bool Reader::truth(const toml::node& node, const std::string& what) const {
  const auto value = node.value_exact<bool>();
  if (!value) refuse(node.source(), what + " must be true or false");
  return *value;
}

std::uint64_t Reader::number(const toml::node& node, const std::string& what, Range range) const {
  const auto value = node.value_exact<std::int64_t>();
  const bool fits = value && *value >= 0 && static_cast<std::uint64_t>(*value) >= range.least &&
                    static_cast<std::uint64_t>(*value) <= range.most;
  if (!fits)
    refuse(node.source(), what + " must be a whole number from " + grouped(range.least) + " to " +
                              grouped(range.most));
  return static_cast<std::uint64_t>(*value);
}

Texts Reader::texts(const toml::node& node, const std::string& what) const {
  const toml::array* const array = node.as_array();
  if (array == nullptr) refuse(node.source(), what + " must be a list of texts: [\"...\"]");
  Texts all;
  for (const toml::node& each : *array) all.push_back(text(each, "each of " + what));
  return all;
}

TextMap Reader::text_map(const toml::node& node, const std::string& what) const {
  const toml::table* const table = node.as_table();
  if (table == nullptr) refuse(node.source(), what + " must be a table: \"name\" = \"...\"");
  TextMap all;
  for (const auto& [key, value] : *table) {
    if (key.str().empty() || !value.is_string())
      refuse(key.source(), what + " must have names that are not empty, and texts in quotes");
    all.emplace(key.str(), text(value, what));
  }
  return all;
}

template <typename Section>
void Reader::set(const toml::node& node, const std::string& what, const Key<Section>& key,
                 Section& into) const {
  std::visit(
      [&](auto member) {
        assign(node, what, {key.least, key.most}, into.*member);
      },
      key.place);
}

template <typename Section>
void Reader::take(const toml::table& table, const std::string& section, const Keys<Section>& keys,
                  Section& into, bool is_root) {
  const std::set<std::string_view> sections(kSections.begin(), kSections.end());
  for (const auto& [name, node] : table) {
    if (is_root && sections.count(name.str()) != 0) continue;
    const Key<Section>* found = nullptr;
    for (const auto& key : keys) {
      if (name.str() == key.name) found = &key;
    }
    if (found == nullptr) {
      auto known = names_of(keys);
      if (is_root) known.insert(known.end(), kSections.begin(), kSections.end());
      refuse_key(name, section, known);
    }
    set(node, "'" + std::string(name.str()) + "'", *found, into);
  }
}

template <typename Section>
void Reader::take_section(const toml::table& root, const char* section, const Keys<Section>& keys,
                          Section& into) {
  const toml::node* const node = root.get(section);
  if (node == nullptr) return;
  if (!node->is_table())
    refuse(node->source(), "'" + std::string(section) + "' must be a section: [" + section + "]");
  take(*node->as_table(), section, keys, into);
}

template <typename Rule, typename Check>
void Reader::take_rules(const toml::table& root, const char* section, const Keys<Rule>& keys,
                        std::vector<Rule>& into, Check is_same) {
  const toml::node* const node = root.get(section);
  if (node == nullptr) return;
  const std::string form = "must be sections: [[" + std::string(section) + "]]";
  if (!node->is_array()) refuse(node->source(), "'" + std::string(section) + "' " + form);
  into.clear();
  for (const toml::node& each : *node->as_array()) {
    if (!each.is_table()) refuse(each.source(), "each of '" + std::string(section) + "' " + form);
    Rule rule{};
    take(*each.as_table(), section, keys, rule);
    check(rule, *each.as_table());
    for (const Rule& other : into) {
      if (is_same(rule, other))
        refuse(each.source(), "[[" + std::string(section) + "]] has this one twice");
    }
    into.push_back(std::move(rule));
  }
}

// check_identity finds what is no identity at all; the room of identities reads the rest.
void Reader::check_identity(const toml::source_region& where, const IdentityText& identity) const {
  if (identity == "trusted") return;
  for (const std::string_view kind : {"user:", "service:", "administrator:"}) {
    if (identity.starts_with(kind) && identity.size() > kind.size()) return;
  }
  refuse(where, "an identity must be as user:ID, service:ID, administrator:ID, or trusted");
}

void Reader::check(const CertificateRule& rule, const toml::table& table) const {
  if (rule.uri.empty() == rule.subject.empty())
    refuse(table.source(), "[[certificates]] must have either a 'uri' or a 'subject'");
  check_identity(table.source(), rule.identity);
}

void Reader::check(const PeerRule& rule, const toml::table& table) const {
  if (!table.contains("uid")) refuse(table.source(), "[[unix_peers]] must have a 'uid'");
  check_identity(table.source(), rule.identity);
}

void Reader::check_jwt(const toml::table& root) const {
  const toml::node* const node = root.get("jwt");
  if (node == nullptr) return;
  const JwtSettings& jwt = settings_.jwt;
  if (jwt.algorithm != "RS256" && jwt.algorithm != "ES256")
    refuse(node->source(), "'algorithm' in [jwt] must be \"RS256\" or \"ES256\"");
  if (jwt.user_claim.empty()) refuse(node->source(), "'user_claim' in [jwt] must not be empty");
  for (const auto& [id, identity] : jwt.identities) check_identity(node->source(), identity);
}

void Reader::check_limits(const toml::table& root) const {
  const toml::node* const node = root.get("limits");
  if (node != nullptr && settings_.limits.memory_bytes < settings_.limits.body_bytes)
    refuse(node->source(), "'memory_bytes' in [limits] must be at least 'body_bytes'");
}

void Reader::read(std::string_view text) {
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    // The description may quote the text, which should not have secrets, but may by mistake.
    refuse(error.source(),
           "this is not TOML (https://toml.io): a value needs quotes or is not "
           "complete, or a key is there twice");
  }
  take(root, "", server_keys(), settings_, true);
  take_section(root, "tls", tls_keys(), settings_.tls);
  take_section(root, "audit", audit_keys(), settings_.audit);
  take_section(root, "jwt", jwt_keys(), settings_.jwt);
  take_section(root, "login", login_keys(), settings_.login);
  take_section(root, "limits", limit_keys(), settings_.limits);
  take_rules(root, "certificates", certificate_keys(), settings_.certificates,
             [](const CertificateRule& a, const CertificateRule& b) {
               return a.uri == b.uri && a.subject == b.subject;
             });
  take_rules(root, "unix_peers", peer_keys(), settings_.unix_peers,
             [](const PeerRule& a, const PeerRule& b) { return a.uid == b.uid; });
  check_jwt(root);
  check_limits(root);
}

class SettingsFd {
 public:
  explicit SettingsFd(int fd) noexcept : fd_(fd) {}
  SettingsFd(const SettingsFd&) = delete;
  SettingsFd& operator=(const SettingsFd&) = delete;
  ~SettingsFd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

void check_file(const struct stat& found, const std::string& name) {
  if (!S_ISREG(found.st_mode)) throw SettingsError(name + " is not a regular file");
  if ((found.st_uid != 0 && found.st_uid != ::geteuid()) || (found.st_mode & 0022) != 0)
    throw SettingsError(name +
                        " can be changed by others, and decides who is trusted; it must belong "
                        "to root or the user of this server: chmod go-w");
  if (found.st_size > kMaxSettingsLen) throw SettingsError(name + " is longer than 1 MiB");
}

std::string read_text(const std::string& file, const std::string& name) {
  const SettingsFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat found {};
  if (fd.get() < 0 || ::fstat(fd.get(), &found) != 0)
    throw SettingsError(name + " cannot be read: " + std::strerror(errno));
  check_file(found, name);
  std::string text(static_cast<std::size_t>(found.st_size), '\0');
  std::size_t len = 0;
  while (len < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + len, text.size() - len);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw SettingsError(name + " cannot be read: " + std::strerror(errno));
    if (got == 0) break;
    len += static_cast<std::size_t>(got);
  }
  text.resize(len);
  return text;
}

template <typename Section>
void add_keys(std::vector<std::string>& all, const std::string& section,
              const Keys<Section>& keys) {
  for (const auto& key : keys)
    all.push_back((section.empty() ? "" : section + ".") + std::string(key.name));
}

}  // namespace

void read_settings_file(const std::string& file, Settings& settings) {
  const std::string name = "the configuration file '" + file + "'";
  read_settings_text(read_text(file, name), file, settings);
}

void read_settings_text(std::string_view text, const std::string& name, Settings& settings) {
  Reader(name, settings).read(text);
}

std::vector<std::string> settings_keys() {
  std::vector<std::string> all;
  add_keys(all, "", server_keys());
  add_keys(all, "tls", tls_keys());
  add_keys(all, "audit", audit_keys());
  add_keys(all, "jwt", jwt_keys());
  add_keys(all, "login", login_keys());
  add_keys(all, "certificates", certificate_keys());
  add_keys(all, "unix_peers", peer_keys());
  add_keys(all, "limits", limit_keys());
  return all;
}

}  // namespace strongroomd
