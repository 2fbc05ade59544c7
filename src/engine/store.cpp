// store.cpp: bodies of include/strongroom/impl/store.
#include "strongroom/impl/store/store.ipp"

#include "strongroom/impl/store/policy_in_force.ipp"
#include "strongroom/impl/store/store_policies.ipp"
#include "strongroom/impl/store/store_secrets.ipp"
#include "strongroom/impl/store/watch.ipp"
