// policy_documents.hpp: what all stored documents make together, also after a change of one.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "strongroom/policy.hpp"
#include "strongroom/policy/text.hpp"
#include "strongroom/result.hpp"

namespace strongroom {

// compile_policy makes a policy of documents. Errors  those of parse_policy and compile.
Result<std::shared_ptr<const Policy>> compile_policy(std::span<const PolicyDocument> documents);

// check_policy_document succeeds if a text can be stored under a name, whatever it says.
// Errors  invalid: the name.  too_large.
Result<void> check_policy_document(std::string_view name, std::string_view text);

// compiles_with succeeds if the documents make a policy together with one more, if there is one.
// Errors  those of compile_policy.
Result<void> compiles_with(std::vector<PolicyDocument> others, std::string_view name,
                           std::optional<std::string_view> text);

}  // namespace strongroom
