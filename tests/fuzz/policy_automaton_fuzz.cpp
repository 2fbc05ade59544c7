// policy_automaton_fuzz.cpp: a policy out of any bytes answers as the plain reference does, and the
// automaton for tools knows the same patterns.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/policy_tools/policy_automaton.hpp"
#include "strongroom/policy/compiled_policy.hpp"
#include "tests/support/policy_maker.hpp"
#include "tests/support/reference_policy.hpp"

namespace {

using namespace strongroom;

void require(bool promise) {
  if (!promise) std::abort();
}

// Bytes gives a choice a byte; when they are used up, every choice is the first.
struct Bytes {
  const std::uint8_t** next;
  const std::uint8_t* end;

  std::size_t operator()(std::size_t n) const { return *next == end ? 0 : *(*next)++ % n; }
};

// matched is what the automaton collects on its way; of a list, in deny_overrides, with below.
std::vector<std::string> matched(const PolicyAutomaton& automaton, const std::string& path,
                                 bool below) {
  std::vector<std::uint32_t> numbers;
  auto state = automaton.start();
  if (!path.empty()) {
    for (const std::string& segment : test::split(path)) {
      automaton.collect(state, segment, numbers);
      state = automaton.step(state, segment);
    }
  }
  for (const std::uint32_t number : automaton.ends(state)) numbers.push_back(number);
  if (below) {
    for (const std::uint32_t number : automaton.tails(state)) numbers.push_back(number);
  }
  std::vector<std::string> texts;
  for (const std::uint32_t number : numbers) texts.emplace_back(automaton.pattern(number).text);
  std::sort(texts.begin(), texts.end());
  return texts;
}

std::vector<std::string> matching(const PolicyRules& rules, const std::string& path, bool below) {
  std::vector<std::string> texts;
  for (const PolicyRule& rule : rules.rules) {
    for (const PathPattern& pattern : rule.paths) {
      const bool matches = rules.mode == PolicyMode::vault_compat
                               ? test::vault_match(pattern.text, path)
                               : test::own_match(pattern.text, path, below);
      if (matches) texts.push_back(pattern.text);
    }
  }
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return texts;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t len) {
  static const std::vector<Identity> people = test::some_identities();
  const std::uint8_t* next = bytes;
  const Bytes choose{&next, bytes + len};
  test::PolicyMaker maker(choose);
  const PolicyRules rules = maker.rules();
  const auto policy = CompiledPolicy::compile(rules);
  require(policy.ok());
  const auto automaton = PolicyAutomaton::build(rules);
  require(automaton.ok());
  const test::ReferencePolicy reference(rules);
  const bool own = rules.mode == PolicyMode::deny_overrides;
  for (int i = 0; i < 32 && next != bytes + len; ++i) {
    const Path path = maker.path();
    const Action action = maker.action();
    const std::string raw = own || is_administration(action) ? std::string() : maker.raw();
    for (const Identity& who : people) {
      require((*policy)->decide(who, action, path) == reference.decide(who, action, path));
      if (own || is_administration(action) || who.kind() == Identity::Kind::trusted) continue;
      require((*policy)->decide_raw(who, action, raw) == reference.decide_raw(who, action, raw));
    }
    const bool below = own && test::asks_below(action);
    if (!own && path.is_root()) continue;
    require(matched(*automaton, path.text(), below) == matching(rules, path.text(), below));
  }
  return 0;
}
