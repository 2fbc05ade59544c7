// policy.cpp: rules read from texts, and what one wants to know of them.
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

using namespace strongroom;
using namespace strongroom::capi;

namespace {

static_assert(STRONGROOM_POLICY_DENY_OVERRIDES == static_cast<int>(PolicyMode::deny_overrides));
static_assert(STRONGROOM_POLICY_VAULT_COMPAT == static_cast<int>(PolicyMode::vault_compat));

using Line = strongroom_account::Line;
using Account = std::unique_ptr<strongroom_account>;

Result<std::unique_ptr<strongroom_policy>> compiled(Result<PolicyRules> rules) {
  STRONGROOM_TRY(rules);
  STRONGROOM_ASSIGN(made, CompiledPolicy::compile(rules.value()));
  return std::make_unique<strongroom_policy>(std::move(rules).value(), std::move(made));
}

Result<std::vector<PolicyDocument>> documents_of(const strongroom_policy_text* texts,
                                                 std::size_t num) {
  if (texts == nullptr && num > 0) return was_null("texts");
  if (num > kMaxPolicyDocuments)
    return Error{Code::too_large, "more than 4,096 documents were given"};
  std::vector<PolicyDocument> documents;
  std::size_t len = 0;
  for (std::size_t i = 0; i < num; ++i) {
    STRONGROOM_ASSIGN(name, text_of(texts[i].name, "a document's name"));
    STRONGROOM_ASSIGN(text, bytes_of(texts[i].text, texts[i].text_len, "a document's text"));
    if (text.size() > kMaxPolicyTextLen - len)
      return Error{Code::too_large, "the documents were longer than 64 MiB together"};
    len += text.size();
    documents.push_back(
        {std::string(name), std::string(reinterpret_cast<const char*>(text.data()), text.size())});
  }
  return documents;
}

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

// place fills in where something stands.
void place(Line& line, const PolicyRules& rules, const TextPlace& at) {
  if (at.document < rules.documents.size()) line.document = rules.documents[at.document];
  line.line = at.line;
  line.column = at.column;
}

void set_path(Line& line, std::string path) {
  line.path = std::move(path);
  line.has_path = true;
}

// rule_line tells of a rule and the path of it that matters.
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
                                : " is told nothing about ") +
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

// answer runs f(rules, account) -> Result<void> over a policy.
template <typename F>
strongroom_status answer(const strongroom_policy* policy, strongroom_account** out,
                         strongroom_error** out_error, F f) noexcept {
  return deliver(out, out_error, [&]() -> Result<Account> {
    STRONGROOM_TRY(check_handle(policy, "policy"));
    auto account = std::make_unique<strongroom_account>();
    STRONGROOM_TRY(f(policy->rules, *account));
    return account;
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

}  // namespace

strongroom_status strongroom_policy_parse(const strongroom_policy_text* texts, size_t num_texts,
                                          strongroom_policy** out,
                                          strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_policy>> {
    STRONGROOM_ASSIGN(documents, documents_of(texts, num_texts));
    return compiled(parse_policy(documents));
  });
}

strongroom_status strongroom_policy_stored(strongroom_session* session, strongroom_policy** out,
                                           strongroom_error** out_error) noexcept {
  return deliver(out, out_error, [&]() -> Result<std::unique_ptr<strongroom_policy>> {
    STRONGROOM_TRY(check_handle(session, "session"));
    return compiled(session->caller.policy_rules());
  });
}

strongroom_status strongroom_policy_describe(const strongroom_policy* policy,
                                             strongroom_policy_info* out_info) noexcept {
  return guarded(nullptr, [&]() -> Result<void> {
    STRONGROOM_TRY(write_struct(out_info, STRONGROOM_POLICY_INFO_INIT));
    STRONGROOM_TRY(check_handle(policy, "policy"));
    strongroom_policy_info info = STRONGROOM_POLICY_INFO_INIT;
    info.mode = static_cast<uint32_t>(policy->rules.mode);
    info.services_need_grants = policy->rules.services_need_grants ? 1 : 0;
    info.num_documents = policy->rules.documents.size();
    for (const PolicyRule& rule : policy->rules.rules)
      info.num_rules += rule.paths.empty() ? 1 : rule.paths.size();
    info.num_nodes = policy->compiled->num_nodes();
    info.memory_bytes = policy->compiled->memory_bytes();
    return write_struct(out_info, info);
  });
}

strongroom_status strongroom_policy_decide(const strongroom_policy* policy,
                                           const strongroom_identity* identity, uint32_t action,
                                           const char* path,
                                           strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    STRONGROOM_TRY(check_handle(policy, "policy"));
    STRONGROOM_ASSIGN(who, identity_of(identity));
    STRONGROOM_ASSIGN(request, request_of(action, path));
    return policy->compiled->check(who, request.action, request.path);
  });
}

void strongroom_policy_free(strongroom_policy* policy) noexcept {
  release(policy);
}

// ---- understanding ----

strongroom_status strongroom_policy_explain(const strongroom_policy* policy, const char* who,
                                            uint32_t action, const char* path,
                                            strongroom_account** out,
                                            strongroom_error** out_error) noexcept {
  return answer(policy, out, out_error,
                [&](const PolicyRules& rules, strongroom_account& account) -> Result<void> {
                  STRONGROOM_ASSIGN(text, text_of(who, "who"));
                  STRONGROOM_ASSIGN(identity, parse_identity(text));
                  STRONGROOM_ASSIGN(request, request_of(action, path));
                  const auto explained = explain(rules, identity, request.action, request.path);
                  account.lines.push_back(decision_line(explained, request.action, request.path));
                  for (const Matched& each : explained.matched)
                    account.lines.push_back(matched_line(rules, each, request.action));
                  return {};
                });
}

strongroom_status strongroom_policy_who_can(const strongroom_policy* policy, uint32_t action,
                                            const char* path, strongroom_account** out,
                                            strongroom_error** out_error) noexcept {
  return answer(policy, out, out_error,
                [&](const PolicyRules& rules, strongroom_account& account) -> Result<void> {
                  STRONGROOM_ASSIGN(request, request_of(action, path));
                  STRONGROOM_ASSIGN(holders, who_can(rules, request.action, request.path));
                  for (const Holder& each : holders)
                    add_holder(rules, each, request.action, account.lines);
                  return {};
                });
}

strongroom_status strongroom_policy_diff(const strongroom_policy* before,
                                         const strongroom_policy* after, strongroom_account** out,
                                         strongroom_error** out_error) noexcept {
  return answer(before, out, out_error,
                [&](const PolicyRules& rules, strongroom_account& account) -> Result<void> {
                  STRONGROOM_TRY(check_handle(after, "policy"));
                  STRONGROOM_ASSIGN(changes, diff(rules, after->rules));
                  for (const PolicyChange& each : changes)
                    account.lines.push_back(change_line(each));
                  return {};
                });
}

strongroom_status strongroom_policy_lint(const strongroom_policy* policy, strongroom_account** out,
                                         strongroom_error** out_error) noexcept {
  return answer(policy, out, out_error,
                [&](const PolicyRules& rules, strongroom_account& account) -> Result<void> {
                  STRONGROOM_ASSIGN(findings, lint(rules));
                  for (PolicyFinding& each : findings) {
                    Line line;
                    line.kind = to_string(each.kind).data();
                    place(line, rules, each.place);
                    line.text = std::move(each.text);
                    account.lines.push_back(std::move(line));
                  }
                  return {};
                });
}

strongroom_status strongroom_policy_test(const strongroom_policy* policy, const void* expectations,
                                         size_t expectations_len, strongroom_account** out,
                                         strongroom_error** out_error) noexcept {
  return answer(
      policy, out, out_error,
      [&](const PolicyRules& rules, strongroom_account& account) -> Result<void> {
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
          account.lines.push_back(std::move(line));
        }
        return {};
      });
}

size_t strongroom_account_size(const strongroom_account* account) noexcept {
  return peek(account, size_t{0}, [](const strongroom_account& each) { return each.lines.size(); });
}

strongroom_status strongroom_account_at(const strongroom_account* account, size_t index,
                                        strongroom_account_line* out_line) noexcept {
  return guarded(nullptr, [&]() -> Result<void> {
    STRONGROOM_TRY(write_struct(out_line, STRONGROOM_ACCOUNT_LINE_INIT));
    STRONGROOM_TRY(check_handle(account, "account"));
    if (index >= account->lines.size()) return Error{Code::not_found, "no such line"};
    const Line& line = account->lines[index];
    const auto text = [](const std::string& each) { return each.empty() ? nullptr : each.c_str(); };
    strongroom_account_line filled = STRONGROOM_ACCOUNT_LINE_INIT;
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
    return write_struct(out_line, filled);
  });
}

void strongroom_account_free(strongroom_account* account) noexcept {
  release(account);
}
