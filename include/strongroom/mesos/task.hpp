// task.hpp: what a task sees and runs, from the definitions that people write for it: an app or a pod of Marathon,
// a job of Metronome, a TaskInfo of Mesos.
//
// Only the command, its user, environment, secret files and image are taken from a definition; networks, resources,
// checks and other volumes are for a scheduler. Text such as ${NAME} passes through as it is.
//
// A definition is checked as Marathon and Metronome check it, as far as it is about secrets, and the first fault is
// reported in their words, after its place: `/env/PASSWORD/secret: references an undefined secret`. A TaskInfo is
// checked as Mesos' master does it.
//
// A service may have only what lies in its space, which is the path of its id: see in_space. An app, pod or job cannot
// choose another one; a TaskInfo has its space in the label DCOS_SPACE, as DC/OS' schedulers set it, or else the
// root's, where only secrets without a folder are.
//
// Source  Marathon docs/docs/rest-api/public/api/v2/types, api/v2/validation (SecretValidation, EnvVarValidation,
//         AppValidation, PodsValidation); Metronome JobRunSpec.scala; Mesos include/mesos/mesos.proto, TaskInfo.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/mesos/environment.hpp"
#include "strongroom/mesos/secret.hpp"
#include "strongroom/mesos/volume.hpp"
#include "strongroom/result.hpp"
#include "strongroom/secret_bytes.hpp"
#include "strongroom/types.hpp"

namespace strongroom::mesos {

enum class Definition : std::uint8_t { app = 1, pod = 2, job = 3, task_info = 4 };

struct Command {
  // shell       one word, for /bin/sh -c.
  // program     a program and its arguments, the first of which is its own name.
  // image_args  arguments for the program that the image has by itself.
  enum class Kind : std::uint8_t { none = 0, shell = 1, program = 2, image_args = 3 };

  Kind kind = Kind::none;
  std::string program;  // what to start, where kind is program
  std::vector<std::string> words;
};

// Source is a secret that the definition says it needs.
struct Source {
  std::string path;   // as it was written
  std::string place;  // "secrets.0: ", as Marathon counts them; empty in a TaskInfo
};

struct Task {
  std::string id;     // of the service: "/group/app"; the task's name in a TaskInfo
  std::string space;  // "/group/app"; "/" where there is none
  std::string user;   // empty: not said
  std::string image;  // of Docker's kind; empty: none
  Command command;
  Environment environment;
  std::vector<Volume> volumes;
  std::optional<Secret> pull_config;  // a Docker configuration to pull the image with
  std::vector<Source> sources;
};

// task_from_json reads a definition.
//
// text       taken over, and wiped.
// container  of a pod, by name; empty: the only one.
// Errors     invalid: no JSON; a fault, as said above; a container path; a pod of several containers, where none was
//            chosen.  not_found: the pod has no such container; the message lists those it has.
//            too_large: over max_len, or memory.  unavailable: memory.
Result<Task> task_from_json(Definition definition, SecretBytes text, std::string_view container,
                            std::size_t max_len = kDefaultMaxJsonLen);

// not_accessible is Marathon's answer (422) where a service may not have a secret.
Error not_accessible(const Source& source);

// ResolvedTask is what a task sees.
struct ResolvedTask {
  ResolvedEnvironment environment;
  std::vector<SecretBytes> files;  // one per volume
};

// resolve_task resolves the secrets of the environment and of the volumes, in one batch. A secret whose name (the last
// segment of its path) begins with __dcos_base64__ is stored in base64 and decoded here: so DC/OS kept binary secrets
// before 1.11.
//
// Errors  those of the resolver and of merge.  invalid: it is not base64.
Result<ResolvedTask> resolve_task(Task task, ResolveSecrets resolve);

}  // namespace strongroom::mesos
