// docker_config.hpp: credentials of image registries, from a secret that holds a Docker configuration.
//
// Mesos' image puller takes such a secret (Image.Docker.config), and so does Marathon's pullConfig. It is the
// text of ~/.docker/config.json, {"auths":{REGISTRY:{"auth":BASE64}}}, or of the older ~/.dockercfg, which has
// the registries at the top. Only `auth`, the base64 of user:password, is used, as in Mesos; all other members
// are ignored.
//
// Three things are stricter than in Mesos. Its errors quote the faulty piece of the secret, and these do not. A
// host that only contains the text docker.io, such as docker.io.example.com, is sent Docker's credentials there;
// here it must be docker.io or below it. And an `auth` with control characters, which could begin another
// header, is refused.
//
// Source  Apache Mesos src/docker/spec.cpp, parseAuthConfig, parseAuthUrl, parseImageReference;
//         src/uri/fetchers/docker.cpp, getAuthHeaderBasic.
#pragma once

#include <string>
#include <string_view>

#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"

namespace strongroom::mesos {

// Where images come from whose names have no registry.
inline constexpr std::string_view kDefaultRegistry = "https://registry-1.docker.io";

// registry_of returns host[:port] of the registry that an image is pulled from. The first part of its name is a
// registry if it contains a '.' or ':' or is localhost.
//
// image             [REGISTRY/]NAME[:TAG][@DIGEST]
// default_registry  a URL or host, for a name without a registry.
// Errors            invalid: an empty name; `Multiple '@' symbols found`.
Result<std::string> registry_of(std::string_view image,
                                std::string_view default_registry = kDefaultRegistry);

// docker_authorization returns the value of the header Authorization for a registry: "Basic " and `auth` as it is
// written, base64 or not.
//
// config    taken over, and wiped.
// registry  host[:port], as registry_of returns it, or a URL of which scheme and path are ignored. It is compared
//           with the configuration's registries, likewise shortened, byte by byte: there are no default ports and
//           no wildcards. The first entry in the text's order that fits and has an `auth` counts.
// Errors    invalid: no Docker configuration, in Mesos' words up to what they quote; control characters.  not_found: no entry
//           fits.  too_large, unavailable.
Result<SecretBytes> docker_authorization(SecretBytes config, std::string_view registry);

struct DockerCredential {
  SecretBytes user;
  SecretBytes password;
};

// docker_credential returns the user and password that docker_authorization's `auth` contains.
// Errors  as docker_authorization.  invalid: also, `auth` is not the base64 of user:password.
Result<DockerCredential> docker_credential(SecretBytes config, std::string_view registry);

}  // namespace strongroom::mesos
