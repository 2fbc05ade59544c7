// secret_memory.cpp: bodies of include/strongroom/impl/crypto that the OpenPGP helper also needs.
#include "strongroom/impl/crypto/secret_arena.ipp"
#include "strongroom/impl/crypto/secret_bytes.ipp"
