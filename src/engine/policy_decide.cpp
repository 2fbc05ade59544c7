// policy_decide.cpp: bodies of include/strongroom/impl/policy, those that decide. With others in the same file the
// compiler inlines less, and a decision takes a tenth more instructions.
#include "strongroom/impl/policy/compiled_policy.ipp"
#include "strongroom/impl/policy/identity.ipp"
#include "strongroom/impl/policy/policy.ipp"
