// base.cpp: bodies of include/strongroom/impl/base.
#include "strongroom/impl/base/codec.ipp"
#include "strongroom/impl/base/own_tree.ipp"
#include "strongroom/impl/base/path.ipp"
#include "strongroom/impl/base/private_file.ipp"
