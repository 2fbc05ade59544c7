// one_zookeeper.hpp: one real ZooKeeper server for all tests of a program, started when first asked for.
#pragma once

#include <string>

namespace strongroom::conformance {

// one_zookeeper gives its host:port, or nothing where the tests are to be skipped.
std::string one_zookeeper();

}  // namespace strongroom::conformance
