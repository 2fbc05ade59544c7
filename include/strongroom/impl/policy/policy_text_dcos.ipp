// policy_text_dcos.ipp: permissions as DC/OS spells them; see policy/text.hpp.
//
//   dcos:secrets:default:[/]path[/*]        create, read, update, delete, full
//   dcos:secrets:list:default:[/]path[/*]   read, full; "/" is everything
//   dcos:superuser                          any action: everything
//   dcos:adminrouter:..., dcos:mesos:..., dcos:service:..., dcos:cluster:...
//                                           of other services: skipped, and noted
//
// A star elsewhere is an error, and so is any other resource: it may be one of ours, misspelt. A list
// of permissions only grants, so that nothing is allowed by what is skipped.
#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/policy/policy_text.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/result.hpp"

namespace strongroom::policy_text {
namespace detail::policy_text_dcos {

constexpr std::string_view kSecrets = "dcos:secrets:default:";
constexpr std::string_view kLists = "dcos:secrets:list:default:";
constexpr std::string_view kSuperuser = "dcos:superuser";
constexpr std::string_view kKnown[] = {kSecrets, kLists, kSuperuser};

// Source: the reference of permissions in the documentation of DC/OS 1.12.
constexpr std::string_view kOtherServices[] = {
    "dcos:adminrouter:", "dcos:mesos:", "dcos:service:", "dcos:cluster:"};

constexpr std::string_view kBlanksInLine = " \t\r";

constexpr ActionSet kFull =
    ActionSet(Action::create) | Action::read | Action::update | Action::erase;

static std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t begin = std::min(text.find_first_not_of(kBlanksInLine), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kBlanksInLine) + 1);
}

// take_word takes the text before the next blank, and the blanks after it.
static std::string_view take_word(std::string_view& text) noexcept {
  const std::string_view word = text.substr(0, text.find_first_of(kBlanksInLine));
  text.remove_prefix(word.size());
  text.remove_prefix(std::min(text.find_first_not_of(kBlanksInLine), text.size()));
  return word;
}

struct Word {
  std::string_view name;
  ActionSet actions;
};
constexpr Word kDcosWords[] = {
    {"create", Action::create}, {"read", Action::read}, {"update", Action::update},
    {"delete", Action::erase},  {"full", kFull},
};

static Result<ActionSet> read_word(const Spelled& permission, std::string_view word) {
  const auto* const found = std::find_if(std::begin(kDcosWords), std::end(kDcosWords),
                                         [&](const Word& each) { return each.name == word; });
  if (found != std::end(kDcosWords)) return found->actions;
  std::vector<std::string_view> known;
  for (const Word& each : kDcosWords) known.push_back(each.name);
  const std::string why =
      word.empty() ? "an action was missing"
                   : "the action " + in_quotes(word) + " was unknown" + did_you_mean(word, known);
  return permission.error(word, why + " (known: " + listed(known) + ")");
}

// read_words reads "read,update": no blanks in between, no word missing.
static Result<ActionSet> read_words(const Spelled& permission, std::string_view words) {
  ActionSet actions;
  for (;;) {
    const std::string_view word = words.substr(0, words.find(','));
    STRONGROOM_ASSIGN(read, read_word(permission, word));
    actions = actions | read;
    if (word.size() == words.size()) return actions;
    words.remove_prefix(word.size() + 1);
  }
}

// read_resource_path turns "/a/*" into "a/**". A star in any other place is refused.
static Result<PathPattern> read_resource_path(const Spelled& permission, std::string_view path) {
  const bool below = path.ends_with("/*");
  const std::string_view folder = below ? path.substr(0, path.size() - 2) : path;
  if (const std::size_t star = folder.find('*'); star != std::string_view::npos) {
    return permission.error(folder.substr(star),
                            "a '*' stands for everything below, as '/*' at the end of a path, and "
                            "for nothing elsewhere");
  }
  if (below && (folder.empty() || folder == "/")) {
    if (folder == "/") return permission.error(path, "a path had an empty segment");
    return PathPattern{"**", permission.place(path)};
  }
  auto pattern = read_pattern(permission, folder, PolicyMode::deny_overrides);
  if (pattern && below) pattern->text += "/**";
  if (!pattern || !below) return pattern;
  if (auto good = check_pattern(PolicyMode::deny_overrides, pattern->text); !good) {
    return permission.error(path, good.error().message);
  }
  return pattern;
}

static Result<PathPattern> read_list_path(const Spelled& permission, std::string_view path) {
  if (path == "/") return PathPattern{"**", permission.place(path)};
  return read_resource_path(permission, path);
}

class Permission {
 public:
  Permission(const Spelled& spelled, std::string_view resource, std::span<const Subject> to,
             PolicyParts& parts) noexcept
      : spelled_(spelled), resource_(resource), to_(to), parts_(parts) {}

  Result<void> add_secrets(ActionSet actions) {
    auto pattern = read_resource_path(spelled_, resource_.substr(kSecrets.size()));
    return pattern ? add(actions, {std::move(pattern).value()}) : pattern.error();
  }

  // full is read here.
  Result<void> add_lists(std::string_view words, ActionSet actions) {
    if (actions != ActionSet(Action::read) && actions != kFull) {
      return spelled_.error(words, "a list has only the actions 'read' and 'full'");
    }
    auto pattern = read_list_path(spelled_, resource_.substr(kLists.size()));
    return pattern ? add(Action::list, {std::move(pattern).value()}) : pattern.error();
  }

  Result<void> add_superuser() {
    auto paths = add(ActionSet::on_paths(), {PathPattern{"**", spelled_.place(resource_)}});
    return paths ? add(ActionSet::administration(), {}) : paths;
  }

 private:
  Result<void> add(ActionSet actions, std::vector<PathPattern> paths) {
    PolicyRule rule;
    rule.place = spelled_.place(resource_);
    rule.subjects.assign(to_.begin(), to_.end());
    rule.allow = actions;
    rule.paths = std::move(paths);
    return parts_.add(spelled_.text(), spelled_.offset(resource_), std::move(rule));
  }

  const Spelled& spelled_;
  std::string_view resource_;
  std::span<const Subject> to_;
  PolicyParts& parts_;
};

static bool of_other_service(std::string_view resource) noexcept {
  return std::any_of(std::begin(kOtherServices), std::end(kOtherServices),
                     [&](std::string_view each) { return resource.starts_with(each); });
}

static void skip(const Spelled& permission, std::string_view resource, PolicyParts& parts) {
  parts.skip(permission.text(), permission.offset(resource), SkippedPart::Kind::permission,
             "the permission " + in_quotes(resource) + " has no effect: it is of another service");
}

static Error unknown_resource(const Spelled& permission, std::string_view resource) {
  if (resource.starts_with("dcos:secrets:")) {
    return permission.error(resource, "the resource " + in_quotes(resource) +
                                          " was unknown; the only store is 'default' "
                                          "(known: " +
                                          listed(kKnown) + ")");
  }
  return permission.error(resource, "the resource " + in_quotes(resource) + " was unknown" +
                                        did_you_mean(resource, kKnown) +
                                        " (known: " + listed(kKnown) +
                                        "; skipped: " + listed(kOtherServices) + ")");
}

// read_section reads "[user:alice group:ops]".
static Result<std::vector<Subject>> read_section(const Spelled& line) {
  std::string_view rest = line.value();
  if (!rest.ends_with(']')) {
    return line.error(rest, "a line of subjects was not closed; write [user:alice group:ops]");
  }
  rest = trimmed(rest.substr(1, rest.size() - 2));
  std::vector<Subject> subjects;
  while (!rest.empty()) {
    const std::string_view word = take_word(rest);
    if (const std::size_t odd = word.find_first_of(",[]"); odd != std::string_view::npos) {
      return line.error(word.substr(odd), "subjects are separated by blanks only");
    }
    STRONGROOM_ASSIGN(subject, read_subject(line, word));
    subjects.push_back(std::move(subject));
  }
  if (subjects.empty()) return line.error(line.value(), "a line of subjects was empty");
  return subjects;
}

// check_line refuses control characters, and HCL, which begins like no line of ours.
static Result<void> check_line(const Spelled& line) {
  const std::string_view text = line.value();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool control = (c < 0x20 && c != '\t') || c == 0x7F;
    if (control) return line.error(text.substr(i), "a line had a control character");
  }
  std::string_view rest = text;
  const bool hcl = take_word(rest) == "path" && rest.starts_with('"');
  if (!hcl && !text.starts_with("path\"")) return {};
  return line.error(text,
                    "it was HCL; convert it to JSON, {\"path\": {\"secret/x\": "
                    "{\"capabilities\": [...]}}}");
}

static Result<void> read_line(const Spelled& line, std::vector<Subject>& section,
                              PolicyParts& parts) {
  STRONGROOM_TRY(check_line(line));
  if (line.value().starts_with('[')) {
    STRONGROOM_ASSIGN(subjects, read_section(line));
    section = std::move(subjects);
    return {};
  }
  if (section.empty()) {
    return line.error(line.value(),
                      "a permission was given to nobody; write [user:alice group:ops] before it");
  }
  return add_permission(line, section, parts);
}

}  // namespace detail::policy_text_dcos

Result<void> add_permission(const Spelled& permission, std::span<const Subject> to,
                            PolicyParts& parts) {
  std::string_view words = detail::policy_text_dcos::trimmed(permission.value());
  const std::string_view resource = detail::policy_text_dcos::take_word(words);
  if (detail::policy_text_dcos::of_other_service(resource)) {
    detail::policy_text_dcos::skip(permission, resource, parts);
    return {};
  }
  detail::policy_text_dcos::Permission made(permission, resource, to, parts);
  const bool secrets = resource.starts_with(detail::policy_text_dcos::kSecrets);
  const bool lists = resource.starts_with(detail::policy_text_dcos::kLists);
  const bool known = secrets || lists || resource == detail::policy_text_dcos::kSuperuser;
  if (!known) return detail::policy_text_dcos::unknown_resource(permission, resource);
  STRONGROOM_ASSIGN(actions, detail::policy_text_dcos::read_words(permission, words));
  if (secrets) return made.add_secrets(actions);
  if (lists) return made.add_lists(words, actions);
  return made.add_superuser();
}

Result<void> read_permissions(Text& text, PolicyParts& parts) {
  STRONGROOM_TRY(parts.enter_mode(text, 0, PolicyMode::deny_overrides));
  std::vector<Subject> section;
  const std::string_view all = text.text();
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = std::min(all.find('\n', begin), all.size());
    const std::string_view whole = all.substr(begin, end - begin);
    begin = end + 1;
    const std::string_view line =
        detail::policy_text_dcos::trimmed(whole.substr(0, whole.find('#')));
    if (line.empty()) continue;
    STRONGROOM_TRY(detail::policy_text_dcos::read_line(Spelled::as_is(text, line), section, parts));
  }
  return {};
}

}  // namespace strongroom::policy_text
