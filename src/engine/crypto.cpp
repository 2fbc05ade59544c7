// crypto.cpp: bodies of include/strongroom/impl/crypto.
#include "strongroom/impl/crypto/aes.ipp"
#include "strongroom/impl/crypto/aes_providers.ipp"
#include "strongroom/impl/crypto/base64.ipp"
#include "strongroom/impl/crypto/gcm.ipp"
#include "strongroom/impl/crypto/sealed_blob.ipp"
#include "strongroom/impl/crypto/shamir.ipp"
