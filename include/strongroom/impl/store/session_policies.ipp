// session_policies.ipp: the bodies of session.hpp about stored policies.
#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/identity.hpp"
#include "strongroom/impl/barrier/policy_records.hpp"
#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/keys/fence.hpp"
#include "strongroom/impl/policy/policy_documents.hpp"
#include "strongroom/impl/store/engine.hpp"
#include "strongroom/impl/store/policy_in_force.hpp"
#include "strongroom/path.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/text.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secrets.hpp"
#include "strongroom/session.hpp"
#include "strongroom/types.hpp"

namespace strongroom {

Result<void> Session::check(Action action, std::string_view path) const {
  STRONGROOM_ASSIGN(parsed, Path::parse(path));
  STRONGROOM_TRY(engine_->policy.decide(who_, {action, parsed}, true));
  return {};
}

Result<std::vector<PolicyInfo>> Session::policies() const {
  auto index = engine_->policy.under(who_, Request::of_store(Action::policy),
                                     [&] { return engine_->barrier.policies().index(); });
  STRONGROOM_TRY(index);
  std::vector<PolicyInfo> found;
  for (PolicyEntry& each : index->entries)
    found.push_back({std::move(each.name), each.revision, each.changed_ms, each.size});
  return found;
}

Result<StoredPolicy> Session::policy(std::string_view name) const {
  auto found = engine_->policy.under(who_, Request::of_store(Action::policy),
                                     [&] { return engine_->barrier.policies().text(name); });
  STRONGROOM_TRY(found);
  return StoredPolicy{std::move(found->text), found->entry.revision, found->entry.changed_ms};
}

Result<PolicyRules> Session::policy_rules() const {
  auto stored = engine_->policy.under(who_, Request::of_store(Action::policy),
                                      [&] { return engine_->barrier.policies().read(); });
  STRONGROOM_TRY(stored);
  return parse_policy(documents_of(stored->index.entries, std::move(stored->texts)));
}

Result<Revision> Session::put_policy(std::string_view name, std::string_view text,
                                     Condition condition) const {
  STRONGROOM_TRY(may(Action::policy));
  STRONGROOM_TRY(check_policy_document(name, text));
  return change_policy(name, text, condition);
}

Result<Revision> Session::erase_policy(std::string_view name, Condition condition) const {
  return change_policy(name, {}, condition);
}

Result<Revision> Session::reset_policies() const {
  return engine_->policy.under(who_, Request::of_store(Action::policy), [&](Permit permit) {
    return engine_->barrier.policies().reset(permit);
  });
}

Result<Revision> Session::change_policy(std::string_view name, std::optional<std::string_view> text,
                                        Condition condition) const {
  PolicyRecords& records = engine_->barrier.policies();
  const auto change = [&](Permit permit) -> Result<Fenced<Revision>> {
    STRONGROOM_ASSIGN(index, records.index());
    if (!permit.holds_at(index.fence)) return Fenced<Revision>(kFenceMoved);
    STRONGROOM_TRY(PolicyRecords::check(index, name, text.has_value(), condition));
    std::vector<PolicyEntry> others = index.entries;
    std::erase_if(others, [&](const PolicyEntry& entry) { return entry.name == name; });
    auto texts = records.texts(index, others);
    // What is lost allows nothing, with or without this one: it can be erased one by one.
    const bool lost = !texts && !text && PolicyInForce::is_lasting(texts.error().code);
    if (!lost) {
      STRONGROOM_TRY(texts);
      if (!texts->has_value()) return Fenced<Revision>(kFenceMoved);
      STRONGROOM_TRY(compiles_with(documents_of(others, std::move(**texts)), name, text));
    }
    return text ? records.put(index, name, *text) : records.erase(index, name);
  };
  return engine_->policy.under(who_, Request::of_store(Action::policy), change);
}

}  // namespace strongroom
