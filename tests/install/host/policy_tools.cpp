// A host of the policy tools.
#include <cstdio>
#include <strongroom/policy/tools.hpp>

using namespace strongroom;

int main() {
  PolicyRule rule;
  rule.subjects = {{Subject::Kind::user, "bob"}};
  rule.allow = Action::read;
  rule.paths = {{"db/**", {}}};
  PolicyRules rules;
  rules.rules = {rule, rule};
  const auto findings = lint(rules);
  if (!findings || findings->size() != 1) return 1;
  std::puts(to_string(findings->front().kind).data());
}
