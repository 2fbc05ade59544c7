// src_policy_tools.hpp: the policy tools (strongroom/policy/tools.hpp), for a host that compiles them itself.
//
// Include it in exactly one file of a program that also has src.hpp in exactly one: the same file or another.
// It needs no library besides those of src.hpp.
#pragma once

#include "strongroom/impl/policy_tools/policy_automaton.ipp"
#include "strongroom/impl/policy_tools/policy_diff.ipp"
#include "strongroom/impl/policy_tools/policy_expectations.ipp"
#include "strongroom/impl/policy_tools/policy_explain.ipp"
#include "strongroom/impl/policy_tools/policy_lint.ipp"
#include "strongroom/impl/policy_tools/policy_match.ipp"
#include "strongroom/impl/policy_tools/policy_surplus.ipp"
#include "strongroom/impl/policy_tools/policy_walk.ipp"
#include "strongroom/impl/policy_tools/policy_who_can.ipp"

#undef STRONGROOM_TRY
#undef STRONGROOM_ASSIGN
