// policy_text.ipp: turns documents into the rules of one policy.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/json/json.hpp"
#include "strongroom/impl/policy/policy_json.hpp"
#include "strongroom/impl/policy/policy_text.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/text.hpp"
#include "strongroom/result.hpp"

namespace strongroom {
namespace policy_text {
constexpr std::size_t kMaxQuotedLen = 60;

// A subject's name is kept once for every rule that is given to it.
constexpr std::size_t kMaxSubjectsLen = std::size_t{64} << 20;

constexpr std::string_view kBlanks = " \t\r\n";

static std::string escaped(unsigned char byte) {
  char text[5];
  std::snprintf(text, sizeof(text), "\\x%02x", byte);
  return text;
}

// num_printable returns the length of the character that text begins with; 0 if that is not UTF-8, or is a
// control character.
static std::size_t num_printable(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t len = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  const std::string_view character = text.substr(0, len);
  const bool control = first < 0x20 || first == 0x7F ||
                       (first == 0xC2 && static_cast<unsigned char>(character.back()) < 0xA0);
  return control || !well_formed_utf8(character) ? 0 : len;
}

// distance returns how many characters must be inserted, removed, changed or swapped with their
// neighbour to turn one word into the other (optimal string alignment). For short words.
static std::size_t distance(std::string_view a, std::string_view b) {
  constexpr std::size_t kMax = 40;
  if (a.size() >= kMax || b.size() >= kMax) return kMax;
  std::array<std::array<std::size_t, kMax>, kMax> d{};
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      const std::size_t changed = d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      d[i][j] = std::min({changed, d[i - 1][j] + 1, d[i][j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

static std::string lower(std::string_view text) {
  std::string copy(text);
  for (char& c : copy) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return copy;
}

// escape_len returns how many bytes an escape takes in the text, and how many it stands for.
static std::pair<std::size_t, std::size_t> escape_len(std::string_view text) noexcept {
  if (text.size() < 6 || text[1] != 'u') return {2, 1};
  const auto digit = [](char c) {
    return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  };
  unsigned unit = 0;
  for (const char c : text.substr(2, 4)) unit = unit << 4 | (digit(c) & 0xF);
  if (unit >= 0xD800 && unit < 0xDC00) return {12, 4};
  return {6, unit < 0x80 ? 1U : unit < 0x800 ? 2U : 3U};
}

std::string in_quotes(std::string_view text) {
  std::string out = "'";
  std::size_t used = 0;
  while (!text.empty()) {
    const std::size_t len = num_printable(text);
    const std::size_t take = len == 0 ? 1 : len;
    if (used + take > kMaxQuotedLen) return out + "...'";
    out += len == 0 ? escaped(static_cast<unsigned char>(text.front()))
                    : std::string(text.substr(0, len));
    used += take;
    text.remove_prefix(take);
  }
  return out + "'";
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
  const std::string wanted = lower(word);
  std::string_view best;
  std::size_t least = std::numeric_limits<std::size_t>::max();
  for (const std::string_view each : known) {
    const std::size_t far = distance(wanted, each);
    if (far < least) {
      least = far;
      best = each;
    }
  }
  const bool close = !best.empty() && least <= (best.size() < 5 ? 2U : 3U) && least < best.size();
  return close ? "; did you mean '" + std::string(best) + "'?" : std::string();
}

std::string listed(std::span<const std::string_view> words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i != 0) out += i + 1 == words.size() ? " and " : ", ";
    out.append("'").append(words[i]).append("'");
  }
  return out;
}

Error error_at(std::string_view document, const TextPlace& place, std::string_view what,
               Code code) {
  return {code, "policy " + in_quotes(document) + ", line " + std::to_string(place.line) +
                    ", column " + std::to_string(place.column) + ": " + std::string(what)};
}

TextPlace Text::place(std::size_t offset) noexcept {
  if (offset < line_begin_) {
    at_ = line_begin_ = 0;
    line_ = 1;
  }
  while (at_ < offset) {
    const std::size_t end = text().substr(0, offset).find('\n', at_);
    if (end == std::string_view::npos) break;
    at_ = line_begin_ = end + 1;
    ++line_;
  }
  at_ = std::max(at_, offset);
  return {index_, line_, static_cast<std::uint32_t>(offset - line_begin_ + 1)};
}

std::size_t Spelled::offset(std::string_view part) const noexcept {
  const auto wanted = static_cast<std::size_t>(part.data() - value_.data());
  if (!escaped_) return begin_ + wanted;
  const std::string_view raw = text_->text();
  std::size_t at = begin_;
  for (std::size_t decoded = 0; decoded < wanted && at < raw.size();) {
    const bool escape = raw[at] == '\\';
    const auto [taken, given] = escape ? escape_len(raw.substr(at)) : std::pair(1UL, 1UL);
    if (decoded + given > wanted) break;  // in the middle of what one escape stands for
    decoded += given;
    at += taken;
  }
  return at;
}

Result<Subject> read_subject(const Spelled& spelled, std::string_view part) {
  auto subject = parse_subject(part);
  if (!subject) return spelled.error(part, subject.error().message);
  return subject;
}

Result<PathPattern> read_pattern(const Spelled& spelled, std::string_view part, PolicyMode mode) {
  const std::string_view pattern = part.substr(part.starts_with('/') ? 1 : 0);
  std::size_t fault = 0;
  if (auto good = check_pattern(mode, pattern, &fault); !good) {
    return spelled.error(pattern.substr(std::min(fault, pattern.size())), good.error().message,
                         good.error().code);
  }
  return PathPattern{std::string(pattern), spelled.place(part)};
}

Result<void> PolicyParts::enter_mode(Text& text, std::size_t offset, PolicyMode mode) {
  if (!has_mode_) {
    has_mode_ = true;
    rules_.mode = mode;
    mode_from_ = text.name();
  }
  if (rules_.mode == mode) return {};
  return text.error(offset, "it was of mode " + std::string(to_string(mode)) + ", but policy " +
                                in_quotes(mode_from_) + " of mode " +
                                std::string(to_string(rules_.mode)) +
                                "; all documents of a policy must be of one mode");
}

// count counts a rule, and returns which limit it exceeds; "" if none.
std::string PolicyParts::count(std::size_t num_paths, std::span<const Subject> to) {
  for (const Subject& subject : to) subjects_len_ += subject.name.size() * num_paths;
  num_grants_ += num_paths * to.size();
  if (num_rules_ > kMaxPolicyRules) {
    return "the policy had more than " + std::to_string(kMaxPolicyRules) +
           " rules, where each path of a rule counts";
  }
  if (num_grants_ > kMaxPolicyGrants) {
    return "the policy had more than " + std::to_string(kMaxPolicyGrants) +
           " grants, where each path of a rule counts for each of its subjects; use groups";
  }
  if (subjects_len_ > kMaxSubjectsLen) {
    return "the names of subjects, once for each rule, took more than " +
           std::to_string(kMaxSubjectsLen) + " bytes; use groups";
  }
  return "";
}

Result<void> PolicyParts::add(Text& text, std::size_t offset, PolicyRule rule) {
  const std::size_t num_paths = std::max<std::size_t>(rule.paths.size(), 1);
  num_rules_ += num_paths;
  if (const std::string limit = count(num_paths, rule.subjects); !limit.empty()) {
    return text.error(offset, limit, Code::too_large);
  }
  rules_.rules.push_back(std::move(rule));
  if (vault_policy_ != nullptr) ++vault_policy_->num_rules;
  return {};
}

void PolicyParts::skip(Text& text, std::size_t offset, SkippedPart::Kind kind, std::string why) {
  ++rules_.num_skipped;
  if (rules_.skipped.size() == kMaxPolicySkipped) return;
  rules_.skipped.push_back({kind, text.place(offset), std::move(why)});
}

Result<void> PolicyParts::begin_vault_policy(Text& text, std::size_t offset,
                                             std::string_view name) {
  const bool printable = !name.empty() && name.size() <= kMaxPolicyNameLen &&
                         std::all_of(name.begin(), name.end(), [](char c) {
                           return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
                         });
  if (!printable) {
    return text.error(offset, "the name " + in_quotes(name) + " of a Vault policy was not 1.." +
                                  std::to_string(kMaxPolicyNameLen) +
                                  " bytes without control characters");
  }
  const auto [found, fresh] = vault_policies_.try_emplace(std::string(name));
  if (!fresh) {
    return text.error(offset, "a Vault policy " + in_quotes(name) +
                                  " was there already; each name may be used once");
  }
  vault_policy_ = &found->second;
  vault_policy_->place = text.place(offset);
  vault_policy_->first_rule = rules_.rules.size();
  return {};
}

Result<void> PolicyParts::grant(Text& text, std::size_t offset, Grant grant) {
  num_grant_pairs_ += grant.to.size() * grant.policies.size();
  for (const Subject& subject : grant.to) {
    grant_pairs_len_ += subject.name.size() * grant.policies.size();
  }
  if (num_grant_pairs_ > kMaxPolicyGrants || grant_pairs_len_ > kMaxSubjectsLen) {
    return text.error(offset,
                      "Vault policies were granted more than " + std::to_string(kMaxPolicyGrants) +
                          " times, or to names of more than " + std::to_string(kMaxSubjectsLen) +
                          " bytes, where a subject counts for each policy; use groups",
                      Code::too_large);
  }
  grants_.push_back(std::move(grant));
  return {};
}

Result<void> PolicyParts::wire(std::span<const PolicyDocument> documents, const Grant& grant) {
  for (const NamedPolicy& named : grant.policies) {
    const auto found = vault_policies_.find(named.name);
    if (found == vault_policies_.end()) {
      std::vector<std::string_view> known;
      for (const auto& [name, policy] : vault_policies_) known.push_back(name);
      return error_at(
          documents[named.place.document].name, named.place,
          "there was no Vault policy " + in_quotes(named.name) + did_you_mean(named.name, known));
    }
    auto& to = found->second.to;
    to.insert(to.end(), grant.to.begin(), grant.to.end());
  }
  return {};
}

Result<PolicyRules> PolicyParts::finish(std::span<const PolicyDocument> documents) {
  for (const Grant& grant : std::exchange(grants_, {})) {
    STRONGROOM_TRY(wire(documents, grant));
  }
  for (auto& [name, policy] : vault_policies_) {
    std::sort(policy.to.begin(), policy.to.end());
    policy.to.erase(std::unique(policy.to.begin(), policy.to.end()), policy.to.end());
    // Count before the copies are made.
    if (const std::string limit = count(policy.num_rules, policy.to); !limit.empty()) {
      return error_at(documents[policy.place.document].name, policy.place, limit, Code::too_large);
    }
    for (std::size_t i = 0; i < policy.num_rules; ++i) {
      rules_.rules[policy.first_rule + i].subjects = policy.to;
    }
  }
  for (const PolicyDocument& document : documents) rules_.documents.push_back(document.name);
  return std::move(rules_);
}

// check_utf8 refuses bytes that no form allows, and names their place.
static Result<void> check_utf8(Text& text) {
  const std::string_view all = text.text();
  if (all.starts_with("\xEF\xBB\xBF")) {
    return text.error(0, "it began with a byte order mark; save it as UTF-8 without one");
  }
  if (well_formed_utf8(all)) return {};
  // The first byte that belongs to no character: the longest good beginning is before it.
  std::size_t at = 0;
  for (std::size_t len = 1; at < all.size(); at += len) {
    for (len = 1; len <= 4 && !well_formed_utf8(all.substr(at, len)); ++len) {
    }
    if (len > 4) break;
  }
  return text.error(at, "a byte was not UTF-8; save it as UTF-8");
}

// What DC/OS' IAM API answers with names no holder, or not only one.
constexpr std::string_view kAnswer =
    "it was an answer of the IAM API of DC/OS, which does not say who holds the permissions; write "
    "[user:alice], then each rid and the names of its actions on a line, as in "
    "\"dcos:secrets:default:/a/* read,update\"";

// begins_array tells the beginning of a JSON array of objects from [user:alice].
static bool begins_array(std::string_view text) noexcept {
  const std::size_t next = text.find_first_not_of(kBlanks, 1);
  return text.starts_with('[') && next != std::string_view::npos && text[next] == '{';
}

static Result<void> read_json(Text& text, std::size_t begin, PolicyParts& parts) {
  STRONGROOM_ASSIGN(json, Json::parse(text));
  const JsonValue root = json.root();
  if (root.member("version")) return read_own(json, parts);
  if (root.member("path")) return read_vault(json, parts);
  if (root.member("direct") || root.member("groups") || root.member("array")) {
    return text.error(begin, kAnswer);
  }
  return text.error(begin,
                    "a member \"version\" was missing; write {\"version\": 1, ...}, or Vault's "
                    "{\"path\": {...}}");
}

static Result<void> read_document(Text& text, PolicyParts& parts) {
  STRONGROOM_TRY(check_utf8(text));
  const std::size_t begin = text.text().find_first_not_of(kBlanks);
  // A file that was cut short to nothing must not allow what it denied.
  if (begin == std::string_view::npos) {
    return text.error(0, "it was empty; a policy without rules is {\"version\": 1}");
  }
  if (text.text()[begin] == '{') return read_json(text, begin, parts);
  if (begins_array(text.text().substr(begin))) return text.error(begin, kAnswer);
  return read_permissions(text, parts);
}

static Result<void> check_sizes(std::span<const PolicyDocument> documents) {
  if (documents.size() > kMaxPolicyDocuments) {
    return Error{Code::too_large, "there were more than " + std::to_string(kMaxPolicyDocuments) +
                                      " documents of a policy; join some"};
  }
  std::size_t len = 0;
  for (const PolicyDocument& document : documents) {
    len += document.text.size();
    if (len <= kMaxPolicyTextLen) continue;
    return Error{Code::too_large, "policy " + in_quotes(document.name) +
                                      ": the documents of a policy had more than " +
                                      std::to_string(kMaxPolicyTextLen) + " bytes"};
  }
  return {};
}

}  // namespace policy_text

Result<PolicyRules> parse_policy(std::span<const PolicyDocument> documents) {
  STRONGROOM_TRY(policy_text::check_sizes(documents));
  policy_text::PolicyParts parts;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    policy_text::Text text(documents[i], i);
    STRONGROOM_TRY(policy_text::read_document(text, parts));
  }
  return parts.finish(documents);
}

Result<void> check_policy_name(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  const bool good = !name.empty() && name.size() <= kMaxPolicyNameLen && name.front() != '.' &&
                    name.front() != '-' && std::all_of(name.begin(), name.end(), letter);
  if (good) return {};
  return Error{Code::invalid, "the name " + policy_text::in_quotes(name) +
                                  " of a policy was not 1.." + std::to_string(kMaxPolicyNameLen) +
                                  " of [A-Za-z0-9._-], beginning with neither '.' nor '-'"};
}

}  // namespace strongroom
