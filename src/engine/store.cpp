// store.cpp: bodies of include/strongroom/impl/store.
#include "strongroom/impl/store/store.ipp"

#include "strongroom/impl/store/async_reads.ipp"
#include "strongroom/impl/store/policy_in_force.ipp"
#include "strongroom/impl/store/queue.ipp"
#include "strongroom/impl/store/secret_requests.ipp"
#include "strongroom/impl/store/session.ipp"
#include "strongroom/impl/store/session_policies.ipp"
#include "strongroom/impl/store/session_secrets.ipp"
#include "strongroom/impl/store/watch.ipp"
