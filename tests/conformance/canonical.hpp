// canonical.hpp: what protobuf understood of a message, without what our codecs drop by purpose: unknown fields,
// and defaults that are spelled out.
#pragma once

#include <google/protobuf/stubs/logging.h>
#include <messages.pb.h>

#include <string>
#include <string_view>

namespace strongroom::wire {

// protobuf says on stderr what was missing from each message that it refuses; the tests only compare.
[[maybe_unused]] inline const auto kQuiet = google::protobuf::SetLogHandler(nullptr);

// trim_secret is for mesos.Secret and mesos.v1.Secret. Mesos reads an explicit UNKNOWN as no type.
template <typename Secret>
void trim_secret(Secret& secret) {
  secret.mutable_unknown_fields()->clear();
  if (secret.type() == Secret::UNKNOWN) secret.clear_type();
  if (secret.has_reference()) secret.mutable_reference()->mutable_unknown_fields()->clear();
  if (secret.has_value()) secret.mutable_value()->mutable_unknown_fields()->clear();
}

inline void trim(::mesos::Secret& secret) {
  trim_secret(secret);
}
inline void trim(::mesos::v1::Secret& secret) {
  trim_secret(secret);
}

inline void trim(::mesos::Environment& environment) {
  environment.mutable_unknown_fields()->clear();
  for (auto& variable : *environment.mutable_variables()) {
    variable.mutable_unknown_fields()->clear();
    if (variable.type() == ::mesos::Environment::Variable::VALUE) variable.clear_type();
    if (variable.has_secret()) trim(*variable.mutable_secret());
  }
}

inline void trim(::mesos::Image& image) {
  image.mutable_unknown_fields()->clear();
  if (image.cached()) image.clear_cached();
  if (!image.has_docker()) return;
  auto& docker = *image.mutable_docker();
  docker.mutable_unknown_fields()->clear();
  if (docker.has_credential()) docker.mutable_credential()->mutable_unknown_fields()->clear();
  if (docker.has_config()) trim(*docker.mutable_config());
}

// Of a container that our codec accepts, only secret volumes are left.
inline void trim(::mesos::ContainerInfo& container) {
  container.mutable_unknown_fields()->clear();
  for (auto& volume : *container.mutable_volumes()) {
    volume.mutable_unknown_fields()->clear();
    auto& source = *volume.mutable_source();
    source.mutable_unknown_fields()->clear();
    source.clear_docker_volume();
    source.clear_host_path();
    source.clear_sandbox_path();
    source.clear_csi_volume();
    trim(*source.mutable_secret());
  }
}

template <typename Message>
std::string canonical(Message message) {
  trim(message);
  return message.SerializeAsString();
}

// refused_by_protobuf tells from our own error whether the fault is one that protobuf looks for.
inline bool refused_by_protobuf(std::string_view fault) {
  return fault.ends_with(" was cut short or malformed") ||
         fault.starts_with("Missing required fields: ");
}

// fault_of_secret is Mesos' validateSecret, written once more on protobuf's own message.
inline std::string fault_of_secret(const ::mesos::Secret& secret) {
  switch (secret.type()) {
    case ::mesos::Secret::REFERENCE:
      if (!secret.has_reference()) {
        return "Secret of type REFERENCE must have the 'reference' field set";
      }
      if (!secret.has_value()) return "";
      return "Secret '" + secret.reference().name() +
             "' of type REFERENCE must not have the 'value' field set";
    case ::mesos::Secret::VALUE:
      if (!secret.has_value()) return "Secret of type VALUE must have the 'value' field set";
      if (!secret.has_reference()) return "";
      return "Secret of type VALUE must not have the 'reference' field set";
    default:
      return "";
  }
}

}  // namespace strongroom::wire
