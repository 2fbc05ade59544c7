// barrier_walks.cpp: bodies of include/strongroom/impl/barrier.
#include "strongroom/impl/barrier/policy_records.ipp"
#include "strongroom/impl/barrier/reencryption.ipp"
#include "strongroom/impl/barrier/retirement.ipp"
#include "strongroom/impl/barrier/tree_watch.ipp"
