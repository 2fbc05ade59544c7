// policy_text.cpp: bodies of include/strongroom/impl/policy.
#include "strongroom/impl/policy/policy_text.ipp"

#include "strongroom/impl/policy/policy_json.ipp"
#include "strongroom/impl/policy/policy_pattern.ipp"
#include "strongroom/impl/policy/policy_subject.ipp"
#include "strongroom/impl/policy/policy_text_dcos.ipp"
#include "strongroom/impl/policy/policy_text_own.ipp"
#include "strongroom/impl/policy/policy_text_vault.ipp"
