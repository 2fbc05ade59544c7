// barrier.cpp: bodies of include/strongroom/impl/barrier.
#include "strongroom/impl/barrier/envelope.ipp"
#include "strongroom/impl/barrier/names.ipp"
#include "strongroom/impl/barrier/names_reader.ipp"
#include "strongroom/impl/barrier/secret_reader.ipp"
#include "strongroom/impl/barrier/secret_writer.ipp"
#include "strongroom/impl/barrier/seen_revisions.ipp"
