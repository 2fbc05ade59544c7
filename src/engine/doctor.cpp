// doctor.cpp: bodies of include/strongroom/impl/doctor.
#include "strongroom/impl/doctor/doctor.ipp"

#include "strongroom/impl/doctor/doctor_files.ipp"
#include "strongroom/impl/doctor/doctor_host.ipp"
#include "strongroom/impl/doctor/doctor_storage.ipp"
#include "strongroom/impl/doctor/doctor_store.ipp"
