// backends.cpp: bodies of include/strongroom/impl/backends.
#include "strongroom/impl/backends/backend.ipp"
#include "strongroom/impl/backends/late_backend.ipp"
#include "strongroom/impl/backends/limits.ipp"
#include "strongroom/impl/backends/memory.ipp"
#include "strongroom/impl/backends/open_backend.ipp"
#include "strongroom/impl/backends/record_page.ipp"
#include "strongroom/impl/backends/zk_auth.ipp"
#include "strongroom/impl/backends/zookeeper_absent.ipp"
