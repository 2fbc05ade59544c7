// policy_documents.hpp: what a change of one stored document makes of all of them.
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

// compile_policy makes of documents what decides. Errors  those of parse_policy and compile.
Result<std::shared_ptr<const Policy>> compile_policy(std::span<const PolicyDocument> documents);

// check_policy_document tells whether a text can be stored under a name, whatever it says.
// Errors  invalid: the name.  too_large.
Result<void> check_policy_document(std::string_view name, std::string_view text);

// compiles_with tells whether the documents make a policy together with one more, where there is one.
// Errors  those of compile_policy.
Result<void> compiles_with(std::vector<PolicyDocument> others, std::string_view name,
                           std::optional<std::string_view> text);

}  // namespace strongroom
