// policy_maker.hpp: policies and requests out of any choices (dice, or a fuzzer's bytes), from words so
// few that they meet.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy/rules.hpp"

namespace strongroom::test {

// Maker<Choose> asks choose(n) for a number below n.
template <typename Choose>
class PolicyMaker {
 public:
  explicit PolicyMaker(Choose choose) : choose_(std::move(choose)) {}

  PolicyRules rules() {
    PolicyRules made;
    made.mode = choose_(2) == 0 ? PolicyMode::deny_overrides : PolicyMode::vault_compat;
    made.services_need_grants = choose_(2) == 0;
    made.documents = {"made"};
    for (std::size_t left = 1 + choose_(9); left > 0; --left) made.rules.push_back(rule(made.mode));
    return made;
  }

  Path path() {
    std::string text;
    for (std::size_t left = choose_(5); left > 0; --left) {
      if (!text.empty()) text += '/';
      text += word();
    }
    auto parsed = Path::parse(text);
    return parsed ? std::move(parsed).value() : Path();
  }

  // raw is a request that only Vault's matcher would be asked.
  std::string raw() {
    std::string text;
    for (std::size_t left = choose_(6); left > 0; --left) {
      if (choose_(4) != 0) text += vault_word();
      if (left > 1 || choose_(3) == 0) text += '/';
    }
    return text;
  }

  Action action() { return static_cast<Action>(choose_(kNumActions)); }

 private:
  // Lengths about those at which a segment is kept otherwise: 8, 16, 23, 24.
  std::string_view word() {
    static constexpr std::array<std::string_view, 12> kWords = {
        "a",
        "b",
        "ab",
        "a",
        "b",
        "c",
        "abc",
        "seg-of-8",
        "segment-is-of-16",
        "a-segment-of-23-bytes-x",
        "a-segment-of-24-bytes-xy",
        "a-segment-that-is-much-longer-than-a-slot-of-the-table"};
    return kWords[choose_(choose_(4) == 0 ? kWords.size() : 3)];
  }

  std::string_view vault_word() {
    static constexpr std::array<std::string_view, 6> kWords = {"+a", "a+", "a+b", "*", "a*b", "+"};
    return choose_(5) == 0 ? kWords[choose_(kWords.size())] : word();
  }

  std::string own_pattern() {
    std::string text;
    for (std::size_t left = 1 + choose_(4); left > 0; --left) {
      if (!text.empty()) text += '/';
      if (left == 1 && choose_(3) == 0) {
        text += "**";
      } else {
        text += choose_(3) == 0 ? "*" : word();
      }
    }
    return text;
  }

  std::string vault_pattern() {
    std::string text;
    const std::size_t num_segments = choose_(5);
    for (std::size_t i = 0; i < num_segments; ++i) {
      if (i != 0) text += '/';
      const std::size_t kind = choose_(8);
      if (kind < 2) {
        text += '+';
      } else if (kind > 2) {
        text += vault_word();
      }  // or an empty segment
    }
    if (choose_(8) == 0) text += '/';
    if (choose_(3) == 0) text += '*';
    return check_pattern(PolicyMode::vault_compat, text) ? text : "a/*";
  }

  PolicyRule rule(PolicyMode mode) {
    PolicyRule made;
    for (std::size_t left = 1 + choose_(2); left > 0; --left) made.subjects.push_back(subject());
    const bool own = mode == PolicyMode::deny_overrides;
    const ActionSet actions = some_of(ActionSet::on_paths());
    if (choose_(10) == 0) {
      made.allow = some_of(ActionSet::administration());
      made.deny = some_of(ActionSet::administration()).without(made.allow);
      return made;
    }
    if (choose_(3) == 0) {
      made.deny = own ? actions : ActionSet::on_paths();
    } else {
      made.allow = actions;
    }
    for (std::size_t left = 1 + choose_(2); left > 0; --left) {
      made.paths.push_back({own ? own_pattern() : vault_pattern(), {}});
    }
    return made;
  }

  ActionSet some_of(ActionSet all) {
    const std::size_t bits = choose_(256) | choose_(256) << 8U;
    return choose_(3) == 0 ? all : all & ActionSet::from_bits(static_cast<std::uint16_t>(bits));
  }

  Subject subject() {
    using Kind = Subject::Kind;
    static const std::array<Subject, 9> kSubjects = {
        Subject{Kind::user, "u"},    Subject{Kind::user, "v"},
        Subject{Kind::service, "u"}, Subject{Kind::administrator, "u"},
        Subject{Kind::group, "g"},   Subject{Kind::group, "u"},
        Subject{Kind::any_user, ""}, Subject{Kind::any_service, ""},
        Subject{Kind::anyone, ""}};
    return kSubjects[choose_(kSubjects.size())];
  }

  Choose choose_;
};

// some_identities are those that the made rules may be about. They live long, so what policies note
// in them is put to the test as well.
inline std::vector<Identity> some_identities() {
  std::vector<std::string> many;
  for (int i = 0; i < 100; ++i) many.push_back("no-group-" + std::to_string(i));
  many.insert(many.begin() + 50, "g");
  std::vector<Identity> made;
  made.push_back(Identity::user("u"));
  made.push_back(Identity::user("u", {"g"}));
  made.push_back(Identity::user("v", {"x", "u", "g"}));
  made.push_back(Identity::user("w", many));
  made.push_back(Identity::service("u", "/a/b"));
  made.push_back(Identity::service("s", "/a", {"g", "g"}));
  made.push_back(Identity::administrator("u"));
  made.push_back(Identity::administrator("other", {"u"}));
  made.push_back(Identity::trusted());
  return made;
}

}  // namespace strongroom::test
