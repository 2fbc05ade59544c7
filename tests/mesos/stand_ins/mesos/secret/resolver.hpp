// A stand-in, not Mesos' header; see README.md: the interface that the module implements.
#pragma once

#include <mesos/mesos.hpp>
#include <process/future.hpp>

namespace mesos {

class SecretResolver {
 public:
  virtual ~SecretResolver() {}
  virtual process::Future<Secret::Value> resolve(const Secret& secret) const = 0;

 protected:
  SecretResolver() {}
};

}  // namespace mesos
