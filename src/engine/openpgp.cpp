// openpgp.cpp: bodies of include/strongroom/impl/openpgp.
#include "strongroom/impl/openpgp/openpgp.ipp"

#include "strongroom/impl/openpgp/openpgp_answer.ipp"
#include "strongroom/impl/openpgp/openpgp_process.ipp"
