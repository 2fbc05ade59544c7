// policy_tools.cpp: tools for people who write policies.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "callers.hpp"
#include "guard.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/policy/compiled_policy.hpp"
#include "strongroom/policy/text.hpp"
#include "strongroom/policy/tools.hpp"
#include "strongroom/store.hpp"
#include "strongroom_policy_tools.h"

using namespace strongroom;
using namespace strongroom::capi;

namespace {

using Line = strongroom_analysis::Line;
using Analysis = std::unique_ptr<strongroom_analysis>;

const char* word(Decision decision) {
  switch (decision) {
    case Decision::allowed:
      return "allowed";
    case Decision::refused:
      return "refused";
    case Decision::denied:
      break;
  }
  return "denied";
}

// place sets the document, line and column of a rule.
void place(Line& line, const PolicyRules& rules, const TextPlace& at) {
  if (at.document < rules.documents.size()) line.document = rules.documents[at.document];
  line.line = at.line;
  line.column = at.column;
}

void set_path(Line& line, std::string path) {
  line.path = std::move(path);
  line.has_path = true;
}

// rule_line returns a line about a rule, and about its path number `path` if it has that many.
Line rule_line(const PolicyRules& rules, std::size_t rule, std::size_t path, const char* kind) {
  Line line;
  line.kind = kind;
  const PolicyRule& at = rules.rules[rule];
  const bool has_path = path < at.paths.size();
  place(line, rules, has_path ? at.paths[path].place : at.place);
  if (has_path) set_path(line, at.paths[path].text);
  return line;
}

Line matched_line(const PolicyRules& rules, const Matched& matched, Action action) {
  Line line = rule_line(rules, matched.rule, matched.path, matched.decided ? "decided" : "matched");
  line.subject = to_string(rules.rules[matched.rule].subjects[matched.subject]);
  line.action = to_string(action).data();
  line.after = matched.denies ? "denied" : matched.allows ? "allowed" : "refused";
  line.text = line.subject +
              (matched.denies   ? " may not "
               : matched.allows ? " may "
                                : " has no rule about ") +
              std::string(to_string(action));
  if (line.has_path) line.text += " '" + line.path + "'";
  return line;
}

Line decision_line(const Explanation& explained, Action action, const Path& path) {
  Line line;
  line.kind = "decision";
  line.action = to_string(action).data();
  set_path(line, path.text());
  line.after = word(explained.decision);
  line.text = explained.because;
  return line;
}

// answer runs f(rules, analysis) -> Result<void> for a policy, and stores the analysis in out.
template <typename F>
strongroom_status answer(const strongroom_policy* policy, strongroom_analysis** out,
                         strongroom_error** out_error, F f) noexcept {
  return deliver(out, out_error, [&]() -> Result<Analysis> {
    STRONGROOM_TRY(check_handle(policy, "policy"));
    auto analysis = std::make_unique<strongroom_analysis>();
    STRONGROOM_TRY(f(policy->rules, *analysis));
    return analysis;
  });
}

void add_holder(const PolicyRules& rules, const Holder& holder, Action action,
                std::vector<Line>& lines) {
  Line line = rule_line(rules, holder.rule, SIZE_MAX, "may");
  line.subject = to_string(holder.subject);
  line.action = to_string(action).data();
  line.text = line.subject + " may " + std::string(to_string(action));
  lines.push_back(line);
  for (const Subject& each : holder.unless) {
    Line unless;
    unless.kind = "unless";
    unless.subject = to_string(each);
    unless.action = line.action;
    unless.text = "not where it is also " + unless.subject;
    lines.push_back(std::move(unless));
  }
}

Line change_line(const PolicyChange& change) {
  Line line;
  line.kind = "change";
  line.subject = to_string(change.subject);
  if (change.also) line.subject += "+" + to_string(*change.also);
  line.action = to_string(change.action).data();
  set_path(line, change.witness);
  line.before = word(change.before);
  line.after = word(change.after);
  line.text = line.subject + " " + std::string(to_string(change.action));
  if (!is_administration(change.action))
    line.text += " '" + (change.witness.empty() ? "/" : change.witness) + "'";
  line.text += std::string(": ") + line.before + " -> " + line.after;
  return line;
}

Line expectation_line(const Expectation& wanted) {
  Line line;
  line.kind = "passed";
  line.line = wanted.line;
  line.column = 1;
  line.subject = wanted.who;
  line.action = to_string(wanted.action).data();
  set_path(line, wanted.path);
  line.before = wanted.allow ? "allowed" : "denied";
  line.after = line.before;
  return line;
}

// fill_line fills the struct of C. An empty text becomes NULL there.
void fill_line(const Line& line, strongroom_analysis_line& filled) {
  const auto text = [](const std::string& each) { return each.empty() ? nullptr : each.c_str(); };
  filled.kind = line.kind;
  filled.document = text(line.document);
  filled.line = line.line;
  filled.column = line.column;
  filled.subject = text(line.subject);
  filled.action = line.action;
  filled.path = line.has_path ? line.path.c_str() : nullptr;
  filled.before = line.before;
  filled.after = line.after;
  filled.text = text(line.text);
}

}  // namespace

strongroom_status strongroom_policy_explain(const strongroom_policy* policy,
                                            const char* identity_text, uint32_t action,
                                            const char* path, strongroom_analysis** out,
                                            strongroom_error** out_error) noexcept {
  return answer(policy, out, out_error,
                [&](const PolicyRules& rules, strongroom_analysis& analysis) -> Result<void> {
                  STRONGROOM_ASSIGN(text, text_of(identity_text, "identity"));
                  STRONGROOM_ASSIGN(identity, parse_identity(text));
                  STRONGROOM_ASSIGN(request, request_of(action, path));
                  const auto explained = explain(rules, identity, request.action, request.path);
                  analysis.lines.push_back(decision_line(explained, request.action, request.path));
                  for (const Matched& each : explained.matched)
                    analysis.lines.push_back(matched_line(rules, each, request.action));
                  return {};
                });
}

strongroom_status strongroom_policy_who_can(const strongroom_policy* policy, uint32_t action,
                                            const char* path, strongroom_analysis** out,
                                            strongroom_error** out_error) noexcept {
  return answer(policy, out, out_error,
                [&](const PolicyRules& rules, strongroom_analysis& analysis) -> Result<void> {
                  STRONGROOM_ASSIGN(request, request_of(action, path));
                  STRONGROOM_ASSIGN(holders, who_can(rules, request.action, request.path));
                  for (const Holder& each : holders)
                    add_holder(rules, each, request.action, analysis.lines);
                  return {};
                });
}

strongroom_status strongroom_policy_diff(const strongroom_policy* before,
                                         const strongroom_policy* after, strongroom_analysis** out,
                                         strongroom_error** out_error) noexcept {
  return answer(before, out, out_error,
                [&](const PolicyRules& rules, strongroom_analysis& analysis) -> Result<void> {
                  STRONGROOM_TRY(check_handle(after, "policy"));
                  STRONGROOM_ASSIGN(changes, diff(rules, after->rules));
                  for (const PolicyChange& each : changes)
                    analysis.lines.push_back(change_line(each));
                  return {};
                });
}

strongroom_status strongroom_policy_lint(const strongroom_policy* policy, strongroom_analysis** out,
                                         strongroom_error** out_error) noexcept {
  return answer(policy, out, out_error,
                [&](const PolicyRules& rules, strongroom_analysis& analysis) -> Result<void> {
                  STRONGROOM_ASSIGN(findings, lint(rules));
                  for (PolicyFinding& each : findings) {
                    Line line;
                    line.kind = to_string(each.kind).data();
                    place(line, rules, each.place);
                    line.text = std::move(each.text);
                    analysis.lines.push_back(std::move(line));
                  }
                  return {};
                });
}

strongroom_status strongroom_policy_skipped(const strongroom_policy* policy,
                                            strongroom_analysis** out,
                                            strongroom_error** out_error) noexcept {
  return answer(policy, out, out_error,
                [&](const PolicyRules& rules, strongroom_analysis& analysis) -> Result<void> {
                  for (const SkippedPart& each : rules.skipped) {
                    Line line;
                    line.kind = to_string(each.kind).data();
                    place(line, rules, each.place);
                    line.text = each.text;
                    analysis.lines.push_back(std::move(line));
                  }
                  return {};
                });
}

strongroom_status strongroom_policy_test(const strongroom_policy* policy, const void* expectations,
                                         size_t expectations_len, strongroom_analysis** out,
                                         strongroom_error** out_error) noexcept {
  return answer(
      policy, out, out_error,
      [&](const PolicyRules& rules, strongroom_analysis& analysis) -> Result<void> {
        STRONGROOM_ASSIGN(bytes, bytes_of(expectations, expectations_len, "expectations"));
        STRONGROOM_ASSIGN(wanted, parse_expectations(
                                      {reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
        STRONGROOM_ASSIGN(unmet, disappointments(rules, wanted));
        auto next = unmet.begin();
        for (const Expectation& each : wanted) {
          Line line = expectation_line(each);
          if (next != unmet.end() && next->expectation.line == each.line) {
            line.kind = "failed";
            line.after = word(next->found.decision);
            line.text = std::move(next->found.because);
            ++next;
          }
          analysis.lines.push_back(std::move(line));
        }
        return {};
      });
}

size_t strongroom_analysis_size(const strongroom_analysis* analysis) noexcept {
  return size_of(
      analysis, [](const auto& each) -> auto& { return each.lines; });
}

strongroom_status strongroom_analysis_at(const strongroom_analysis* analysis, size_t index,
                                         strongroom_analysis_line* out_line,
                                         strongroom_error** out_error) noexcept {
  return item_at(
      analysis, "analysis", index, out_line, strongroom_analysis_line STRONGROOM_ANALYSIS_LINE_INIT,
      out_error, [](const auto& each) -> auto& { return each.lines; }, fill_line);
}

void strongroom_analysis_free(strongroom_analysis* analysis) noexcept {
  release(analysis);
}
