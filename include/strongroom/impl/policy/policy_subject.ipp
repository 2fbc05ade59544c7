// policy_subject.ipp: how subjects and identities are written; see policy/rules.hpp.
#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/policy/policy_text.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom {
namespace detail::policy_subject {

using policy_text::did_you_mean;
using policy_text::in_quotes;
using policy_text::listed;

// In the order of Subject::Kind. Those from any_user on have no name.
constexpr std::string_view kKinds[] = {"user",     "service",     "administrator", "group",
                                       "any-user", "any-service", "anyone"};

constexpr bool has_name(Subject::Kind kind) noexcept {
  return kind < Subject::Kind::any_user;
}

static Error refused(const std::string& what) {
  return {Code::invalid, what};
}

static bool has_control(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7F) return true;
    if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      return true;
    }
  }
  return false;
}

// check_name refuses names that nobody can have: a rule for one would silently apply to nobody.
static Result<void> check_name(std::string_view subject, std::string_view name) {
  if (name.empty()) return refused("the subject " + in_quotes(subject) + " had no name");
  if (name.size() > kMaxSubjectLen) {
    return refused("a subject's name was longer than " + std::to_string(kMaxSubjectLen) + " bytes");
  }
  if (has_control(name) || !well_formed_utf8(name)) {
    return refused("the subject " + in_quotes(subject) +
                   " had a control character, or was not UTF-8");
  }
  if (name.front() == ' ' || name.back() == ' ') {
    return refused("the subject " + in_quotes(subject) + " had a blank at an end of its name");
  }
  if (name.find("+group:") != std::string_view::npos) {
    return refused("the subject " + in_quotes(subject) +
                   " had '+group:' in its name, which stands between a name and a group");
  }
  if (name.find('*') == std::string_view::npos) return {};
  return refused("the subject " + in_quotes(subject) +
                 " had a '*', which stands for nothing there; write 'any-user', 'any-service' or "
                 "'anyone', or a group");
}

static Error unknown_subject(std::string_view text, std::string_view kind) {
  const std::string rest = std::string(text.substr(kind.size()));
  std::string hint = did_you_mean(kind, kKinds);
  if (hint.empty() && rest.empty() && !text.empty()) {
    hint = "; did you mean " + in_quotes("user:" + std::string(text)) + "?";
  }
  return refused("the subject " + in_quotes(text) + " was unknown" + hint +
                 " (known: " + listed(kKinds) + ", the first four with ':' and a name)");
}

}  // namespace detail::policy_subject

std::string to_string(const Subject& subject) {
  const std::string kind(detail::policy_subject::kKinds[static_cast<std::size_t>(subject.kind)]);
  return detail::policy_subject::has_name(subject.kind) ? kind + ":" + subject.name : kind;
}

Result<Subject> parse_subject(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const auto* const found = std::find(std::begin(detail::policy_subject::kKinds),
                                      std::end(detail::policy_subject::kKinds), kind);
  if (found == std::end(detail::policy_subject::kKinds))
    return detail::policy_subject::unknown_subject(text, kind);
  const auto known = static_cast<Subject::Kind>(found - std::begin(detail::policy_subject::kKinds));
  if (!detail::policy_subject::has_name(known)) {
    if (colon == std::string_view::npos) return Subject{known, {}};
    return detail::policy_subject::refused("the subject " + policy_text::in_quotes(text) +
                                           " had a name; " + policy_text::in_quotes(kind) +
                                           " has none");
  }
  const std::string_view name =
      colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  STRONGROOM_TRY(detail::policy_subject::check_name(text, name));
  return Subject{known, std::string(name)};
}

namespace detail::policy_subject {

constexpr std::string_view kPlusGroup = "+group:";

// take_groups takes "+group:a+group:b" off the end of text.
static Result<std::vector<std::string>> take_groups(std::string_view& text) {
  std::vector<std::string> groups;
  const std::size_t first = text.find(kPlusGroup);
  if (first == std::string_view::npos) return groups;
  std::string_view rest = text.substr(first);
  text = text.substr(0, first);
  while (!rest.empty()) {
    rest.remove_prefix(kPlusGroup.size());
    const std::string_view name = rest.substr(0, rest.find(kPlusGroup));
    STRONGROOM_TRY(check_name(std::string("group:").append(name), name));
    groups.emplace_back(name);
    rest.remove_prefix(name.size());
  }
  return groups;
}

static Identity made(Subject subject, std::string space, std::vector<std::string> groups) {
  std::string& id = subject.name;
  switch (subject.kind) {
    case Subject::Kind::service:
    case Subject::Kind::any_service:
      return Identity::service(std::move(id), std::move(space), std::move(groups));
    case Subject::Kind::administrator:
      return Identity::administrator(std::move(id), std::move(groups));
    default:
      return Identity::user(std::move(id), std::move(groups));
  }
}

}  // namespace detail::policy_subject

Result<Identity> parse_identity(std::string_view text) {
  if (text == "trusted") return Identity::trusted();
  // The space is at the end of the text. Only services have one; other ids may hold an '@'.
  const bool service = text.starts_with("service:") || text.starts_with("any-service");
  const std::size_t at = service ? text.rfind('@') : std::string_view::npos;
  std::string_view rest = text.substr(0, at);
  STRONGROOM_ASSIGN(groups, detail::policy_subject::take_groups(rest));
  STRONGROOM_ASSIGN(subject, parse_subject(rest));
  if (subject.kind == Subject::Kind::group || subject.kind == Subject::Kind::anyone) {
    return detail::policy_subject::refused(
        policy_text::in_quotes(rest) +
        " is not an identity; write user:ID, service:ID, "
        "administrator:ID, any-user, any-service or trusted, and "
        "+group:NAME after it");
  }
  std::string space(at == std::string_view::npos ? std::string_view(subject.name)
                                                 : text.substr(at + 1));
  if (space.find(detail::policy_subject::kPlusGroup) != std::string::npos) {
    return detail::policy_subject::refused("the space " + policy_text::in_quotes(space) +
                                           " had a group in it; write groups before the '@'");
  }
  if (detail::policy_subject::has_control(space) || !well_formed_utf8(space)) {
    return detail::policy_subject::refused("the space " + policy_text::in_quotes(space) +
                                           " had a control character, or was not UTF-8");
  }
  return detail::policy_subject::made(std::move(subject), std::move(space), std::move(groups));
}

}  // namespace strongroom
