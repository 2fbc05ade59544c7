// policy.cpp: bodies of include/strongroom/impl/policy.
#include "strongroom/impl/policy/policy.ipp"

#include "strongroom/impl/policy/compiled_policy.ipp"
#include "strongroom/impl/policy/identity.ipp"
#include "strongroom/impl/policy/policy_documents.ipp"
#include "strongroom/impl/policy/policy_trie.ipp"
