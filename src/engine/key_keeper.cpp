// key_keeper.cpp: bodies of include/strongroom/impl/keys.
#include "strongroom/impl/keys/key_keeper.ipp"

#include "strongroom/impl/keys/key_keeper_changes.ipp"
#include "strongroom/impl/keys/key_keeper_follow.ipp"
