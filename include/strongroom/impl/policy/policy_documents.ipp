// policy_documents.ipp: the bodies of policy_documents.hpp.
#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/impl/base/propagate.hpp"
#include "strongroom/impl/policy/policy_documents.hpp"
#include "strongroom/policy.hpp"
#include "strongroom/policy/compiled_policy.hpp"
#include "strongroom/policy/rules.hpp"
#include "strongroom/policy/text.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

Result<std::shared_ptr<const Policy>> compile_policy(std::span<const PolicyDocument> documents) {
  STRONGROOM_ASSIGN(rules, parse_policy(documents));
  STRONGROOM_ASSIGN(compiled, CompiledPolicy::compile(rules));
  return std::shared_ptr<const Policy>(std::move(compiled));
}

Result<void> check_policy_document(std::string_view name, std::string_view text) {
  STRONGROOM_TRY(check_policy_name(name));
  if (text.size() <= kMaxPolicyDocumentLen) return {};
  return Error{Code::too_large, "policy '" + std::string(name) + "' had " +
                                    std::to_string(text.size()) +
                                    " bytes; a store takes up to 1,048,576"};
}

Result<void> compiles_with(std::vector<PolicyDocument> others, std::string_view name,
                           std::optional<std::string_view> text) {
  if (text) others.push_back({std::string(name), std::string(*text)});
  std::sort(others.begin(), others.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  STRONGROOM_TRY(compile_policy(others));
  return {};
}

}  // namespace strongroom
