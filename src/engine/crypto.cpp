// crypto.cpp: the bodies of include/strongroom/impl/crypto.
#include "strongroom/impl/crypto/aes.ipp"
#include "strongroom/impl/crypto/gcm.ipp"
