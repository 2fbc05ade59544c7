// json.cpp: bodies of include/strongroom/impl/json.
#include "strongroom/impl/json/json.ipp"
