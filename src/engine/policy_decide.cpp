// policy_decide.cpp: bodies of include/strongroom/impl/policy.
#include "strongroom/impl/policy/compiled_policy.ipp"
#include "strongroom/impl/policy/identity.ipp"
#include "strongroom/impl/policy/policy.ipp"
