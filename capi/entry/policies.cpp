// policies.cpp: reads policies from texts or from a store, describes them and lets them decide.
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
      return Error{Code::too_large, "the documents are longer than 64 MiB in total"};
    len += text.size();
    documents.push_back(
        {std::string(name), std::string(reinterpret_cast<const char*>(text.data()), text.size())});
  }
  return documents;
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
                                             strongroom_policy_info* out_info,
                                             strongroom_error** out_error) noexcept {
  return describe(policy, "policy", out_info, strongroom_policy_info STRONGROOM_POLICY_INFO_INIT,
                  out_error, [](const strongroom_policy& each) -> Result<strongroom_policy_info> {
                    strongroom_policy_info info = STRONGROOM_POLICY_INFO_INIT;
                    info.mode = static_cast<uint32_t>(each.rules.mode);
                    info.services_need_grants = each.rules.services_need_grants ? 1 : 0;
                    info.num_documents = each.rules.documents.size();
                    for (const PolicyRule& rule : each.rules.rules)
                      info.num_rules += rule.paths.empty() ? 1 : rule.paths.size();
                    info.num_nodes = each.compiled->num_nodes();
                    info.memory_bytes = each.compiled->memory_bytes();
                    info.num_skipped = each.rules.num_skipped;
                    return info;
                  });
}

strongroom_status strongroom_policy_decide(const strongroom_policy* policy,
                                           const strongroom_identity* identity, uint32_t action,
                                           const char* path,
                                           strongroom_error** out_error) noexcept {
  return guarded(out_error, [&]() -> Result<void> {
    STRONGROOM_TRY(check_handle(policy, "policy"));
    STRONGROOM_ASSIGN(caller, identity_of(identity));
    STRONGROOM_ASSIGN(request, request_of(action, path));
    return policy->compiled->check(caller, request.action, request.path);
  });
}

void strongroom_policy_free(strongroom_policy* policy) noexcept {
  release(policy);
}
