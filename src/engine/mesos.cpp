// mesos.cpp: bodies of include/strongroom/impl/mesos.
#include "strongroom/impl/mesos/docker_config.ipp"
#include "strongroom/impl/mesos/environment.ipp"
#include "strongroom/impl/mesos/environment_wire.ipp"
#include "strongroom/impl/mesos/resolution.ipp"
#include "strongroom/impl/mesos/secret_json.ipp"
#include "strongroom/impl/mesos/secret_wire.ipp"
#include "strongroom/impl/mesos/volume.ipp"
