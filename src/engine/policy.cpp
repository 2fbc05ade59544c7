// policy.cpp: bodies of include/strongroom/impl/policy.
#include "strongroom/impl/policy/policy_documents.ipp"
#include "strongroom/impl/policy/policy_trie.ipp"
