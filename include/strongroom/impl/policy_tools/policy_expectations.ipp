// policy_expectations.ipp: what a policy must allow and deny, as a text; see tools.hpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/policy/policy_text.hpp"
#include "strongroom/impl/policy_tools/policy_match.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/compiled_policy.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/tools.hpp"
#include "strongroom/result.hpp"

namespace strongroom {
namespace detail::policy_expectations {

using policy_text::in_quotes;

constexpr std::string_view kBlanksBetween = " \t";

// Line reads one line word by word, and remembers the column for errors.
class Line {
 public:
  Line(std::string_view text, std::uint32_t number) : text_(text), number_(number) { skip(); }

  bool empty() const noexcept { return at_ == text_.size(); }
  std::uint32_t number() const noexcept { return number_; }

  std::string_view word() {
    word_at_ = at_;
    const std::size_t end = std::min(text_.find_first_of(kBlanksBetween, at_), text_.size());
    return take(end);
  }

  // rest takes the remaining text.
  std::string_view rest() {
    word_at_ = at_;
    return take(text_.size());
  }

  // error is about the word that was read last.
  Error error(const std::string& what) const {
    return {Code::invalid, "line " + std::to_string(number_) + ", column " +
                               std::to_string(word_at_ + 1) + ": " + what};
  }

 private:
  std::string_view take(std::size_t end) {
    const std::string_view taken = text_.substr(at_, end - at_);
    at_ = end;
    skip();
    return taken;
  }
  void skip() { at_ = std::min(text_.find_first_not_of(kBlanksBetween, at_), text_.size()); }

  std::string_view text_;
  std::uint32_t number_;
  std::size_t at_ = 0;
  std::size_t word_at_ = 0;
};

// without_comment returns a line without its comment and without the blanks at its end.
static std::string_view without_comment(std::string_view line) noexcept {
  if (line.ends_with('\r')) line.remove_suffix(1);
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool begins = i == 0 || kBlanksBetween.find(line[i - 1]) != std::string_view::npos;
    if (line[i] == '#' && begins) {
      line = line.substr(0, i);
      break;
    }
  }
  const std::size_t last = line.find_last_not_of(kBlanksBetween);
  return last == std::string_view::npos ? std::string_view() : line.substr(0, last + 1);
}

static std::optional<Action> action_of(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kNumActions; ++i) {
    if (to_string(static_cast<Action>(i)) == name) return static_cast<Action>(i);
  }
  return {};
}

static Error no_action(const Line& line, std::string_view name) {
  std::vector<std::string_view> known;
  for (std::size_t i = 0; i < kNumActions; ++i) known.push_back(to_string(static_cast<Action>(i)));
  return line.error("there was no action " + in_quotes(name) +
                    policy_text::did_you_mean(name, known) +
                    " (known: " + policy_text::listed(known) + ")");
}

// check_path checks that the path suits the action.
static Result<void> check_path(const Line& line, const Expectation& expectation) {
  const std::string action(to_string(expectation.action));
  if (is_administration(expectation.action)) {
    if (expectation.path.empty()) return {};
    return line.error("'" + action + "' is for the whole store and takes no path");
  }
  auto path = Path::parse(expectation.path);
  if (!path) return line.error(in_quotes(expectation.path) + ": " + path.error().message);
  if (!path->is_root() || policy_match::asks_for_names(expectation.action)) return {};
  return line.error("'" + action + "' needs a path; only list and scan do not");
}

static Result<Expectation> parse_expectation(Line& line) {
  Expectation expectation;
  expectation.line = line.number();
  const std::string_view verb = line.word();
  if (verb != "allow" && verb != "deny") {
    return line.error(in_quotes(verb) + " is neither 'allow' nor 'deny'");
  }
  expectation.allow = verb == "allow";
  expectation.who = line.word();
  if (auto who = parse_identity(expectation.who); !who) {
    return line.error(expectation.who.empty() ? "who, action and path were missing"
                                              : who.error().message);
  }
  const std::string_view name = line.word();
  const auto action = action_of(name);
  if (!action) return no_action(line, name);
  expectation.action = *action;
  expectation.path = line.rest();
  STRONGROOM_TRY(check_path(line, expectation));
  return expectation;
}

// Question is an expectation as the policy is asked it.
struct Question {
  Identity who;
  Path path;
};

static Result<Question> question(const Expectation& expectation) {
  const std::string at = "line " + std::to_string(expectation.line) + ": ";
  auto who = parse_identity(expectation.who);
  if (!who) return Error{who.error().code, at + who.error().message};
  auto path = Path::parse(expectation.path);
  if (!path) return Error{path.error().code, at + path.error().message};
  return Question{std::move(who).value(), std::move(path).value()};
}

}  // namespace detail::policy_expectations

Result<std::vector<Expectation>> parse_expectations(std::string_view text) {
  if (text.size() > kMaxPolicyTextLen) return Error{Code::too_large, "expectations over 64 MiB"};
  std::vector<Expectation> expectations;
  std::uint32_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    detail::policy_expectations::Line line(
        detail::policy_expectations::without_comment(text.substr(0, end)), ++number);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    if (expectations.size() == kMaxExpectations) {
      return Error{Code::too_large, "line " + std::to_string(number) +
                                        ": more than 100000 expectations; split the file"};
    }
    STRONGROOM_ASSIGN(expectation, detail::policy_expectations::parse_expectation(line));
    expectations.push_back(std::move(expectation));
  }
  return expectations;
}

Result<std::vector<Disappointment>> disappointments(const PolicyRules& rules,
                                                    const std::vector<Expectation>& expectations) {
  STRONGROOM_ASSIGN(policy, CompiledPolicy::compile(rules));
  std::vector<Disappointment> found;
  for (const Expectation& expectation : expectations) {
    STRONGROOM_ASSIGN(asked, detail::policy_expectations::question(expectation));
    const Decision decision = policy->decide(asked.who, expectation.action, asked.path);
    if ((decision == Decision::allowed) == expectation.allow) continue;
    Explanation why{decision, "not explained: too many expectations failed", {}};
    if (found.size() < kMaxExplained) {
      why = explain(rules, asked.who, expectation.action, asked.path);
      if (why.decision != decision) {
        return Error{Code::internal, "line " + std::to_string(expectation.line) +
                                         ": the decision and its explanation differ"};
      }
    }
    found.push_back({expectation, std::move(why)});
  }
  return found;
}

}  // namespace strongroom
