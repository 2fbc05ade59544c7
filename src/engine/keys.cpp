// keys.cpp: bodies of include/strongroom/impl/keys.
#include "strongroom/impl/keys/anchor.ipp"
#include "strongroom/impl/keys/credential.ipp"
#include "strongroom/impl/keys/header.ipp"
#include "strongroom/impl/keys/header_records.ipp"
#include "strongroom/impl/keys/keyring.ipp"
#include "strongroom/impl/keys/slot_key.ipp"
#include "strongroom/impl/keys/slot_making.ipp"
#include "strongroom/impl/keys/slots.ipp"
