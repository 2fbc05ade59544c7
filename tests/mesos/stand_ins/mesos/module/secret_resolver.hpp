// A stand-in, not Mesos' header; see README.md: the object that an agent looks up in a module. The order of the
// members is Mesos'.
#pragma once

#include <mesos/mesos.hpp>
#include <mesos/secret/resolver.hpp>

#define MESOS_MODULE_API_VERSION "2"

namespace mesos::modules {

struct ModuleBase {
  const char* moduleApiVersion;
  const char* mesosVersion;
  const char* kind;
  const char* authorName;
  const char* authorEmail;
  const char* description;
  bool (*compatible)();
};

template <typename T>
struct Module;

template <>
struct Module<SecretResolver> : ModuleBase {
  using Create = SecretResolver* (*)(const Parameters& parameters);

  Module(const char* api_version, const char* mesos_version, const char* author_name,
         const char* author_email, const char* text, bool (*is_compatible)(), Create make)
      : ModuleBase{api_version,  mesos_version, "SecretResolver", author_name,
                   author_email, text,          is_compatible},
        create(make) {}

  Create create;
};

}  // namespace mesos::modules
