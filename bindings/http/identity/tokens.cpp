#include "identity/tokens.hpp"

#include <nettle/sha2.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "identity/identity_text.hpp"
#include "message/failure.hpp"
#include "state/state_dir.hpp"

namespace strongroomd {
namespace {

constexpr std::string_view kTokenPrefix = "srt.";
constexpr std::size_t kTokenIdLen = 22;      // 16 bytes in base64url
constexpr std::size_t kTokenSecretLen = 43;  // 32 bytes
constexpr std::size_t kTokenLen = kTokenPrefix.size() + kTokenIdLen + 1 + kTokenSecretLen;
constexpr std::size_t kMaxDescriptionLen = 200;
constexpr std::uint64_t kPurgeInterval_s = 3600;
constexpr std::size_t kMaxReadTokens = 10000;
constexpr const char* kOperatorsFile = "operators";
constexpr const char* kTokensFolder = "tokens";

using TokenHash = std::array<std::uint8_t, SHA256_DIGEST_SIZE>;

// StoredToken is what is kept of a token. Its fields are lines of a record, or columns of a line of the file.
struct StoredToken {
  TokenInfo info;
  TokenHash hash{};
};

std::uint64_t unix_time_s() noexcept {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

constexpr std::array<bool, 256> kIsBase64Url = [] {
  std::array<bool, 256> is_one{};
  for (const char each :
       std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
    is_one[static_cast<unsigned char>(each)] = true;
  return is_one;
}();

bool is_base64url(std::string_view text) noexcept {
  return std::ranges::all_of(
      text, [](char each) { return kIsBase64Url[static_cast<unsigned char>(each)]; });
}

std::string_view id_of(std::string_view text) noexcept {
  return text.substr(kTokenPrefix.size(), kTokenIdLen);
}

TokenHash hash_of(std::string_view text) noexcept {
  const std::string_view secret = text.substr(kTokenLen - kTokenSecretLen);
  sha256_ctx context;
  sha256_init(&context);
  sha256_update(&context, secret.size(), reinterpret_cast<const std::uint8_t*>(secret.data()));
  TokenHash hash;
  sha256_digest(&context, hash.size(), hash.data());
  sodium_memzero(&context, sizeof context);
  return hash;
}

bool is_right(const StoredToken& token, const TokenHash& hash) noexcept {
  const bool is_expired = token.info.expires_s != 0 && token.info.expires_s <= unix_time_s();
  return sodium_memcmp(token.hash.data(), hash.data(), hash.size()) == 0 && !is_expired;
}

std::string record_of(const std::string& id) {
  std::string path;
  path.reserve(std::strlen(kTokensFolder) + 1 + id.size());
  return path.append(kTokensFolder).append("/").append(id);
}

std::string to_hex(const TokenHash& hash) {
  std::string hex(2 * hash.size() + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  hex.pop_back();
  return hex;
}

std::string write_fields(const StoredToken& token, char separator) {
  std::string text = to_hex(token.hash);
  for (const std::string& each :
       {std::to_string(token.info.created_s), std::to_string(token.info.expires_s),
        token.info.identity, token.info.description}) {
    text += separator;
    text += each;
  }
  return text;
}

// hex_digit returns the value of a hexadecimal digit, or -1.
int hex_digit(char digit) noexcept {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

// FieldReader takes one field after the other.
class FieldReader {
 public:
  FieldReader(std::string_view text, char separator) noexcept
      : rest_(text), separator_(separator) {}

  std::string_view next() noexcept {
    const std::string_view field = rest_.substr(0, rest_.find(separator_));
    rest_.remove_prefix(std::min(rest_.size(), field.size() + 1));
    return field;
  }
  bool next_number(std::uint64_t& number) noexcept {
    const std::string_view field = next();
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), number);
    return error == std::errc() && end == field.data() + field.size();
  }
  // The hash of a token is no secret, so its digits may be looked up.
  bool next_hash(TokenHash& hash) noexcept {
    const std::string_view field = next();
    if (field.size() != 2 * hash.size()) return false;
    int seen = 0;
    for (std::size_t i = 0; i < hash.size(); ++i) {
      const int high = hex_digit(field[2 * i]);
      const int low = hex_digit(field[2 * i + 1]);
      seen |= high | low;
      hash[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return seen >= 0;
  }

 private:
  std::string_view rest_;
  char separator_;
};

std::optional<StoredToken> read_fields(std::string id, std::string_view text, char separator) {
  std::optional<StoredToken> found(std::in_place);
  StoredToken& token = *found;
  token.info.id = std::move(id);
  FieldReader reader(text, separator);
  if (!reader.next_hash(token.hash) || !reader.next_number(token.info.created_s) ||
      !reader.next_number(token.info.expires_s))
    return std::nullopt;
  token.info.identity = reader.next();
  token.info.description = reader.next();
  return found;
}

// Made is a new token, before it is stored.
struct MadeToken {
  StoredToken stored;
  strongroom_abi::Secret text;
};

MadeToken make_token(const IdentityText& identity, const std::string& description,
                     std::uint64_t lifetime_s) {
  constexpr int kForm = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  strongroom_abi::Secret random(48);
  randombytes_buf(random.writable(), random.size());
  strongroom_abi::Secret text(kTokenLen + 1);
  char* const out = reinterpret_cast<char*>(text.writable());
  std::memcpy(out, kTokenPrefix.data(), kTokenPrefix.size());
  sodium_bin2base64(out + kTokenPrefix.size(), kTokenIdLen + 1, random.writable(), 16, kForm);
  out[kTokenPrefix.size() + kTokenIdLen] = '.';
  sodium_bin2base64(out + kTokenLen - kTokenSecretLen, kTokenSecretLen + 1, random.writable() + 16,
                    32, kForm);
  text.truncate(kTokenLen);

  StoredToken stored;
  stored.hash = hash_of(text.reveal());
  const std::uint64_t now = unix_time_s();
  stored.info = {std::string(id_of(text.reveal())), identity, description, now,
                 lifetime_s == 0 ? 0 : now + lifetime_s};
  return {std::move(stored), std::move(text)};
}

void check_description(const std::string& description) {
  const bool has_control = std::ranges::any_of(description, [](char each) {
    return static_cast<unsigned char>(each) < 0x20 || each == 0x7f;
  });
  if (description.size() > kMaxDescriptionLen || has_control)
    throw Failure(400, "Bad request",
                  "a description has up to 200 bytes, and no control characters");
}

// put_new stores a record that must not exist yet.
void put_new(strongroom_abi::Session& session, const StoredToken& token) {
  strongroom_put_options options = STRONGROOM_PUT_OPTIONS_INIT;
  options.condition = STRONGROOM_CONDITION_CREATE;
  session.put_record(record_of(token.info.id), write_fields(token, '\n'), &options);
}

// get_stored returns nothing where there is no such record, or one that is no token.
std::optional<StoredToken> get_stored(strongroom_abi::Session& session, const std::string& id) {
  try {
    return read_fields(id, session.record(record_of(id)).reveal(), '\n');
  } catch (const strongroom_abi::Error& error) {
    if (error.status() == STRONGROOM_NOT_FOUND) return std::nullopt;
    throw;
  }
}

// get_readable returns nothing for a damaged record either: one must not hide the others.
std::optional<StoredToken> get_readable(strongroom_abi::Session& session, const std::string& id) {
  try {
    return get_stored(session, id);
  } catch (const strongroom_abi::Error& error) {
    if (error.status() == STRONGROOM_CORRUPT) return std::nullopt;
    throw;
  }
}

std::vector<StoredToken> get_all(strongroom_abi::Session& session) {
  std::vector<StoredToken> tokens;
  const strongroom_abi::Names names = session.records(kTokensFolder);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names.is_folder(i)) continue;
    if (auto token = get_readable(session, names.name(i))) tokens.push_back(std::move(*token));
  }
  return tokens;
}

// is_operator returns false for a text that is no identity: a record has what somebody put there.
bool is_operator(const IdentityText& identity) {
  try {
    return parse_identity(identity).is_operator();
  } catch (const Failure&) {
    return false;
  }
}

// erase_stored returns false where there is no such record.
bool erase_stored(strongroom_abi::Session& session, const std::string& id) {
  try {
    session.erase_record(record_of(id));
    return true;
  } catch (const strongroom_abi::Error& error) {
    if (error.status() != STRONGROOM_NOT_FOUND) throw;
    return false;
  }
}

// id_or_none makes a wrong id one that no token has, so that the store decides about the caller first.
std::string id_or_none(const std::string& id) {
  return id.size() == kTokenIdLen && is_base64url(id) ? id : "none";
}

}  // namespace

bool is_token(std::string_view text) noexcept {
  return text.size() == kTokenLen && text.starts_with(kTokenPrefix) &&
         text[kTokenPrefix.size() + kTokenIdLen] == '.' && is_base64url(id_of(text)) &&
         is_base64url(text.substr(kTokenLen - kTokenSecretLen));
}

// ReadTokens keeps records that were read a moment ago.
class ReadTokens {
 public:
  using Clock = std::chrono::steady_clock;

  explicit ReadTokens(std::chrono::milliseconds trust) noexcept : trust_(trust) {}

  // generation changes with each revocation. What was read before may not be kept after it.
  std::uint64_t generation() {
    const std::lock_guard lock(mutex_);
    return generation_;
  }

  std::optional<StoredToken> find(const std::string& id) {
    const std::lock_guard lock(mutex_);
    const auto found = tokens_.find(id);
    if (found == tokens_.end() || Clock::now() - found->second.read >= trust_) return std::nullopt;
    return found->second.token;
  }

  void keep(const StoredToken& token, std::uint64_t generation) {
    const std::lock_guard lock(mutex_);
    if (generation != generation_) return;
    if (tokens_.size() >= kMaxReadTokens) tokens_.clear();
    tokens_.insert_or_assign(token.info.id, Read{token, Clock::now()});
  }

  void forget_all() {
    const std::lock_guard lock(mutex_);
    ++generation_;
    tokens_.clear();
  }

 private:
  struct Read {
    StoredToken token;
    Clock::time_point read;
  };

  std::chrono::milliseconds trust_;
  std::mutex mutex_;
  std::uint64_t generation_ = 0;
  std::unordered_map<std::string, Read> tokens_;
};

// Operators are the tokens that count while the store is sealed, by id.
class Tokens::State {
 public:
  State(strongroom_abi::Session& trusted, const StateDir& dir, std::chrono::milliseconds trust)
      : read(trust), trusted_(trusted), dir_(dir) {
    load();
  }

  ReadTokens read;

  strongroom_abi::Session& trusted() noexcept { return trusted_; }

  // stored reads a record, or takes one that was read a moment ago.
  std::optional<StoredToken> stored(const std::string& id) {
    if (auto known = read.find(id)) return known;
    const std::uint64_t generation = read.generation();
    auto found = get_stored(trusted_, id);
    if (found) read.keep(*found, generation);
    return found;
  }

  void add(const StoredToken& token, bool has_record) {
    const std::lock_guard lock(mutex_);
    auto changed = operators_;
    changed[token.info.id] = {token, has_record};
    save(std::move(changed));
  }

  bool remove(const std::string& id) {
    const std::lock_guard lock(mutex_);
    auto changed = operators_;
    if (changed.erase(id) == 0) return false;
    save(std::move(changed));
    return true;
  }

  // find returns a token that counts while the store is sealed; only_new: one without a record.
  std::optional<StoredToken> find(const std::string& id, bool only_new) {
    const std::lock_guard lock(mutex_);
    const auto found = operators_.find(id);
    if (found == operators_.end() || (only_new && found->second.has_record)) return std::nullopt;
    return found->second.token;
  }

  // reconcile writes the records that are missing, and takes over what the records say.
  void reconcile() {
    const std::lock_guard lock(mutex_);
    std::map<std::string, Operator> changed;
    for (const auto& [id, each] : operators_) {
      if (!each.has_record) put_missing(each.token);
    }
    for (StoredToken& each : get_all(trusted_)) {
      if (drop_expired(each) || !is_operator(each.info.identity)) continue;
      const std::string id = each.info.id;
      changed[id] = {std::move(each), true};
    }
    save(std::move(changed));
    purged_s_ = unix_time_s();
  }

  // purge deletes expired records now and then. Where it cannot, the next one does.
  void purge() {
    {
      const std::lock_guard lock(mutex_);
      if (unix_time_s() - purged_s_ < kPurgeInterval_s) return;
      purged_s_ = unix_time_s();
    }
    try {
      for (const StoredToken& each : get_all(trusted_)) drop_expired(each);
    } catch (const strongroom_abi::Error&) {  // expired ones never count
    }
  }

 private:
  struct Operator {
    StoredToken token;
    bool has_record = false;
  };

  void load() {
    const auto file = dir_.read(kOperatorsFile);
    if (!file) return;
    std::string_view rest = file->reveal();
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      const std::string id(line.substr(0, kTokenIdLen));
      const std::string_view fields = line.substr(std::min(line.size(), kTokenIdLen + 3));
      const auto token = read_fields(id, fields, '\t');
      if (!token)
        throw std::runtime_error("'" + dir_.path_of(kOperatorsFile) + "' is damaged; remove it");
      operators_[id] = {*token, line.substr(kTokenIdLen, 3) == "\t1\t"};
    }
  }

  void save(std::map<std::string, Operator> changed) {
    std::string text;
    for (const auto& [id, each] : changed)
      text += id + (each.has_record ? "\t1\t" : "\t0\t") + write_fields(each.token, '\t') + "\n";
    dir_.write(kOperatorsFile, text);
    operators_ = std::move(changed);
  }

  void put_missing(const StoredToken& token) {
    try {
      put_new(trusted_, token);
    } catch (const strongroom_abi::Error& error) {
      if (error.status() != STRONGROOM_ALREADY_EXISTS) throw;
    }
  }

  bool drop_expired(const StoredToken& token) {
    if (token.info.expires_s == 0 || token.info.expires_s > unix_time_s()) return false;
    try {
      trusted_.erase_record(record_of(token.info.id));
    } catch (const strongroom_abi::Error&) {  // it stays expired
    }
    return true;
  }

  strongroom_abi::Session& trusted_;
  const StateDir& dir_;
  std::mutex mutex_;
  std::map<std::string, Operator> operators_;
  std::uint64_t purged_s_ = 0;
};

Tokens::Tokens(strongroom_abi::Session& trusted, const StateDir& dir,
               std::chrono::milliseconds trust)
    : state_(std::make_unique<State>(trusted, dir, trust)) {}
Tokens::~Tokens() = default;

NewToken Tokens::create(strongroom_abi::Session& caller, const IdentityText& identity,
                        const std::string& description, std::uint64_t lifetime_s) {
  const Identity parsed = parse_identity(identity);
  check_description(description);
  MadeToken made = make_token(identity, description, lifetime_s);
  put_new(caller, made.stored);
  if (parsed.is_operator()) state_->add(made.stored, true);
  state_->purge();
  return {std::move(made.stored.info), std::move(made.text)};
}

NewToken Tokens::create_operator(const std::string& description) {
  check_description(description);
  MadeToken made = make_token("trusted", description, 0);
  state_->add(made.stored, false);
  return {std::move(made.stored.info), std::move(made.text)};
}

void Tokens::revoke_operator(std::string_view text) {
  if (!is_token(text)) return;
  const std::string id(id_of(text));
  state_->remove(id);
  try {
    state_->trusted().erase_record(record_of(id));
  } catch (const strongroom_abi::Error&) {  // it had no record, or none can be read
  }
  state_->read.forget_all();
}

std::optional<TokenInfo> Tokens::verify(std::string_view text) {
  if (!is_token(text)) return std::nullopt;
  const std::string id(id_of(text));
  std::optional<StoredToken> known;
  try {
    known = state_->stored(id);
    if (!known) known = state_->find(id, true);
  } catch (const strongroom_abi::Error& error) {
    if (error.status() != STRONGROOM_SEALED && error.status() != STRONGROOM_NOT_INITIALIZED) throw;
    known = state_->find(id, false);
    if (!known && error.status() == STRONGROOM_SEALED) throw;
  }
  if (!known || !is_right(*known, hash_of(text))) return std::nullopt;
  return std::move(known->info);
}

std::vector<TokenInfo> Tokens::list(strongroom_abi::Session& caller) {
  std::vector<TokenInfo> tokens;
  for (StoredToken& each : get_all(caller)) tokens.push_back(std::move(each.info));
  return tokens;
}

std::optional<TokenInfo> Tokens::get(strongroom_abi::Session& caller, const std::string& id) {
  auto found = get_stored(caller, id_or_none(id));
  if (!found) return std::nullopt;
  return std::move(found->info);
}

bool Tokens::revoke(strongroom_abi::Session& caller, const std::string& id) {
  const std::string stored_id = id_or_none(id);
  const bool had_record = erase_stored(caller, stored_id);
  const bool was_operator = state_->remove(stored_id);
  // unsealed() may have made a record of the file's token in between.
  if (was_operator && !had_record) erase_stored(caller, stored_id);
  state_->read.forget_all();
  return had_record || was_operator;
}

void Tokens::unsealed() {
  state_->reconcile();
  state_->read.forget_all();
}

}  // namespace strongroomd
