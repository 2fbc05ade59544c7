// store_policies.ipp: the bodies of store.hpp about stored policies.
#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/barrier.hpp"
#include "strongroom/impl/barrier/policy_records.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/store/policy_in_force.hpp"
#include "strongroom/impl/store/store_deciding.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/text.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/store.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

Result<void> Store::check(const Identity& who, Action action, const Path& path) const {
  const bool looks = who.kind() != Identity::Kind::trusted && !is_administration(action);
  if (looks) {
    STRONGROOM_TRY(policy_->look());
  }
  STRONGROOM_TRY(policy_->check(who, action, path));
  return {};
}

Result<std::vector<PolicyInfo>> Store::policies(const Identity& who) const {
  return looked_at(who, [&]() -> Result<std::vector<PolicyInfo>> {
    STRONGROOM_ASSIGN(index, barrier_->policies().index());
    std::vector<PolicyInfo> found;
    for (PolicyEntry& each : index.entries)
      found.push_back({std::move(each.name), each.revision, each.changed_ms, each.size});
    return found;
  });
}

Result<StoredPolicy> Store::policy(const Identity& who, std::string_view name) const {
  const auto read = [&]() -> Result<std::optional<StoredPolicy>> {
    STRONGROOM_ASSIGN(index, barrier_->policies().index());
    const PolicyEntry* entry = index.find(name);
    if (entry == nullptr) return no_such_policy(name);
    STRONGROOM_ASSIGN(text, barrier_->policies().text(index, *entry));
    if (!text.has_value()) return std::optional<StoredPolicy>();
    return std::optional(StoredPolicy{std::move(*text), entry->revision, entry->changed_ms});
  };
  return looked_at(who, [&] { return until_quiet<StoredPolicy>(read); });
}

Result<PolicyRules> Store::policy_rules(const Identity& who) const {
  auto stored = looked_at(who, [&] { return barrier_->policies().read(); });
  STRONGROOM_TRY(stored);
  std::vector<PolicyDocument> documents;
  for (std::size_t i = 0; i < stored->texts.size(); ++i)
    documents.push_back({stored->index.entries[i].name, std::move(stored->texts[i])});
  return parse_policy(documents);
}

Result<Revision> Store::put_policy(const Identity& who, std::string_view name,
                                   std::string_view text, Condition condition) {
  STRONGROOM_TRY(may(who, Action::policy));
  STRONGROOM_TRY(check_policy_name(name));
  if (text.size() > kMaxPolicyDocumentLen) {
    return Error{Code::too_large, "policy '" + std::string(name) + "' had " +
                                      std::to_string(text.size()) +
                                      " bytes; a store takes up to 1,048,576"};
  }
  return change_policy(who, name, text, condition);
}

Result<Revision> Store::erase_policy(const Identity& who, std::string_view name,
                                     Condition condition) {
  return change_policy(who, name, {}, condition);
}

Result<Revision> Store::reset_policies(const Identity& who) {
  return until_quiet<Revision>([&]() -> Result<std::optional<Revision>> {
    STRONGROOM_ASSIGN(mark, policy_->check(who, Action::policy, Path()));
    return barrier_->policies().reset(mark);
  });
}

Result<Revision> Store::change_policy(const Identity& who, std::string_view name,
                                      std::optional<std::string_view> text, Condition condition) {
  return until_quiet<Revision>([&]() -> Result<std::optional<Revision>> {
    STRONGROOM_ASSIGN(mark, policy_->check(who, Action::policy, Path()));
    STRONGROOM_ASSIGN(index, barrier_->policies().index());
    const bool other = mark != PolicyInForce::kAlways && mark != index.mark;
    if (other) return std::optional<Revision>();
    STRONGROOM_TRY(check_condition(index, name, text.has_value(), condition));
    STRONGROOM_ASSIGN(compiles, compiles_with(index, name, text));
    if (!compiles) return std::optional<Revision>();
    PolicyRecords& records = barrier_->policies();
    return text ? records.put(index, name, *text) : records.erase(index, name);
  });
}

Result<void> Store::check_condition(const PolicyIndex& index, std::string_view name, bool puts,
                                    Condition condition) {
  const PolicyEntry* entry = index.find(name);
  const auto kind = condition.kind;
  if (entry != nullptr && kind == Condition::Kind::create)
    return Error{Code::already_exists, "policy '" + std::string(name) + "' exists already"};
  const bool must_exist = !puts || kind == Condition::Kind::update;
  if (entry == nullptr && must_exist) return no_such_policy(name);
  if (kind != Condition::Kind::revision) return {};
  if (entry != nullptr && entry->revision == condition.revision) return {};
  return Error{
      Code::conflict,
      "policy '" + std::string(name) + "' was not in revision " +
          std::to_string(condition.revision) +
          (entry == nullptr ? " but not there" : " but in " + std::to_string(entry->revision))};
}

Result<bool> Store::compiles_with(const PolicyIndex& index, std::string_view name,
                                  std::optional<std::string_view> text) {
  std::vector<PolicyEntry> others = index.entries;
  std::erase_if(others, [&](const PolicyEntry& entry) { return entry.name == name; });
  auto texts = barrier_->policies().texts(index, others);
  // What is lost allows nothing, with or without this one: it can be erased one by one.
  if (!texts && !text && PolicyInForce::is_lasting(texts.error().code)) return true;
  STRONGROOM_TRY(texts);
  if (!texts->has_value()) return false;
  std::vector<PolicyDocument> documents;
  for (std::size_t i = 0; i < others.size(); ++i)
    documents.push_back({others[i].name, std::move((**texts)[i])});
  if (text) documents.push_back({std::string(name), std::string(*text)});
  std::sort(documents.begin(), documents.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  STRONGROOM_TRY(compile_policy(documents));
  return true;
}

Error Store::no_such_policy(std::string_view name) {
  return {Code::not_found, "there is no policy '" + std::string(name) + "'"};
}

}  // namespace strongroom
