// policy.cpp: bodies of include/strongroom/impl/policy.
#include "strongroom/impl/policy/policy_diff.ipp"
#include "strongroom/impl/policy/policy_expectations.ipp"
#include "strongroom/impl/policy/policy_explain.ipp"
#include "strongroom/impl/policy/policy_lint.ipp"
#include "strongroom/impl/policy/policy_match.ipp"
#include "strongroom/impl/policy/policy_surplus.ipp"
#include "strongroom/impl/policy/policy_walk.ipp"
#include "strongroom/impl/policy/policy_who_can.ipp"
